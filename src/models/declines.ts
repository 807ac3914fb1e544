/** Whether a text of a model that works for us (a judge, a simulator) declines the work. A rule, no measure of a target. */

const OPENING_CHARACTERS = 240;

const DECLINES =
  /\b(?:i(?:'m| am)? (?:really |very |so )?(?:sorry|unable to|not able to|not comfortable)|i (?:can(?:'t|not| not)|won't|will not|must decline|have to decline|decline to|do not feel comfortable) ?(?:assist|help|provide|comply|continue|do|fulfil|fulfill|write|create|generate|participate|engage|role-?play|play|grade|judge|rate|evaluate|with|to|that|this)?|as an ai\b|against my (?:guidelines|programming|policy|policies|principles))/i;

export const declines = (text: string): boolean =>
  DECLINES.test(text.slice(0, OPENING_CHARACTERS).replace(/[\u2018\u2019]/g, "'"));

/** Bounds on untrusted input. */

/** Longest accepted line of a JSON Lines or CSV file, in characters. */
export const MAX_LINE_CHARACTERS = 16 << 20;

/** Longest text of a message that is shown on a terminal, in characters. */
export const MAX_SHOWN_CHARACTERS = 4000;

/**
 * Text that is safe to print: control characters (terminal escapes among them), bidirectional overrides and what is
 * never seen are replaced by a visible mark, and the length is bounded.
 */
export function printable(text: string, limit: number = MAX_SHOWN_CHARACTERS): string {
  const clean = text.replace(
    // oxlint-disable-next-line no-control-regex
    /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u061C\u180E\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF\uFFF9-\uFFFB]/g,
    '\uFFFD',
  );
  return clean.length > limit ? `${clean.slice(0, limit)}… (${clean.length - limit} more characters)` : clean;
}

/** The same for a place in a line, which a line break or a tab would leave. */
export const printableInLine = (text: string): string => printable(text).replace(/[\t\n]+/g, ' ');

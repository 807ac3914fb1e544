/**
 * Word classes of harm, by topic: so that a model that saw one word of a class knows something of the others. A class is a
 * feature, never a verdict; most of these words are harmless in most sentences. Long because it is a table.
 */
import { stem } from './text.ts';

const TOPICS: Readonly<Record<string, string>> = {
  violence: `kill murder assassinate attack stab shoot strangle beat punch assault torture harm hurt injure massacre slaughter
    behead ambush wound maim poison suffocate drown choke execute eliminate victim fight bully lynch`,
  weapon: `bomb explosive explosives grenade gun firearm rifle pistol ammunition knife silencer detonator molotov landmine
    weapon weapons arson firebomb gunpowder napalm ghost machete taser bullet bullets`,
  drug: `drug drugs meth methamphetamine cocaine heroin fentanyl crack opioid ecstasy mdma lsd ketamine steroid steroids
    weed marijuana dealer overdose inject snort smuggle narcotic narcotics ghb rohypnol oxycontin`,
  intrusion: `hack hacking hacker malware ransomware virus trojan keylogger spyware exploit phishing botnet ddos backdoor crack
    password passwords bypass breach infiltrate credentials rootkit spoof wiretap worm brute unauthorized`,
  fraud: `scam fraud counterfeit forge fake launder laundering embezzle ponzi pyramid bribe bribery blackmail extort extortion
    evade evasion defraud swindle impersonate steal theft stolen rob robbery burglary burgle shoplift shoplifting pickpocket
    insider plagiarize con cheat deceive trick scammer carjack hotwire piracy pirated trafficking traffic`,
  stalking: `stalk stalking spy track surveil dox doxx doxing address location secretly voyeur harass harassment
    intimidate threaten threat threats follow eavesdrop ex-girlfriend ex-boyfriend revenge blackmail humiliate`,
  hate: `hate hateful racist racism racial sexist slur slurs inferior superior supremacy supremacist nazi hitler genocide ethnic
    cleansing immigrants muslims jews blacks homophobic transphobic misogynistic stereotype stereotypes derogatory xenophobic
    antisemitic subhuman vermin dehumanize deport`,
  people: `black white asian muslim jewish christian gay lesbian trans transgender women woman men immigrant immigrants refugees
    disabled mexican african arab indian chinese latino mental autistic elderly`,
  selfharm: `suicide suicidal self-harm cutting anorexia anorexic bulimia purge starve overdose hang myself noose bleed wrists
    fasting pro-ana die`,
  sexual: `sex sexual porn pornography nude naked rape explicit erotic prostitution prostitute escort molest grope fetish
    incest underage revenge-porn orgasm genitals masturbate`,
  deceit: `disinformation misinformation propaganda conspiracy hoax rumor rumors rumour false fabricated defame defamation slander
    smear deepfake manipulate manipulation astroturf denial vaccines rigged election elections flat hoaxes`,
  concealment: `undetected caught anonymous anonymously untraceable evidence trace traces detection hide conceal disguise
    secretly quietly noticed suspicion undetectable cover police authorities alibi loophole away`,
  abuse: `abuse abusive exploit coerce groom gaslight isolate manipulate enslave slavery slave forced kidnap kidnapping abduct hostage
    ransom child children kid kids minor minors minors teenager cruelty animal animals dogfighting poach poaching`,
  insult: `stupid idiot moron ugly fat worthless pathetic loser disgusting filthy bitch fuck fucking shit cunt whore slut bastard
    trash scum dumb retarded asshole damn`,
  terror: `terror terrorist terrorism extremist radicalize recruit jihad isis militia riot sabotage hijack hostage bioweapon
    anthrax nerve sarin nuclear uranium pathogen grid infrastructure dam`,
  illegal: `illegal illegally unlawful crime criminal felony fake forged stolen black-market dark web counterfeit unlicensed
    without permission consent contraband illicit`,
  protective: `prevent prevention protect protection avoid report recognize recognise detect defend security safety safe
    treatment recover recovery support awareness legal lawful history historical law laws rights educate victim victims
    counsel counselor therapy hotline secure`,
  figure: `python process code linux game chess film movie novel character fiction fictional song lights time coke balloon eggs
    engine party minecraft recipe cake photo video server thread database query play story joke`,
};

const CLASS_OF: ReadonlyMap<string, readonly string[]> = (() => {
  const out = new Map<string, string[]>();
  for (const [topic, list] of Object.entries(TOPICS)) {
    for (const one of new Set(list.split(/\s+/).map(stem))) out.set(one, [...(out.get(one) ?? []), topic]);
  }
  return out;
})();

/** Classes that occur among stems, and each pair of them. */
export function classesOf(stems: readonly string[]): string[] {
  const found = [...new Set(stems.flatMap((one) => CLASS_OF.get(one) ?? []))].sort();
  const out = found.length === 0 ? ['-'] : [...found];
  for (let i = 0; i < found.length; i++)
    for (let j = i + 1; j < found.length; j++) out.push(`${found[i]}+${found[j]}`);
  return out;
}

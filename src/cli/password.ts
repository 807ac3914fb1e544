/** A password typed in a terminal, unseen. */
import { TemperError } from '../core/errors.ts';

/** What keys send that are no characters: arrows, and the marks around what is pasted. */
// oxlint-disable-next-line no-control-regex
const SEQUENCE = /\u001B(?:\[[0-9;?]*[@-~]|O.|.)?/g;

export interface Terminal {
  readonly input: NodeJS.ReadStream;
  say(text: string): void;
}

/** Reads lines unseen. What was pasted beyond a line is the beginning of the next. */
export class Unseen {
  readonly #terminal: Terminal;
  #rest = '';

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Errors: `interrupted` for Ctrl-C, Ctrl-D and a terminal that is gone. */
  line(what: string): Promise<string> {
    const { input, say } = this.#terminal;
    return new Promise((resolve, reject) => {
      say(what);
      let text = '';
      const end = (): void => {
        input.setRawMode(false);
        input.pause();
        input.off('data', take).off('end', gone);
        say('\n');
      };
      const gone = (): void => {
        end();
        reject(new TemperError('interrupted', 'stopped', { hint: 'Nothing was changed.' }));
      };
      const take = (chunk: string): void => {
        const characters = [...(this.#rest + chunk).replace(SEQUENCE, '')];
        this.#rest = '';
        for (const [i, character] of characters.entries()) {
          if (character === '\u0003' || character === '\u0004') return gone();
          if (character === '\r' || character === '\n') {
            this.#rest = characters.slice(i + 1).join('');
            end();
            return resolve(text);
          }
          if (character === '\u007F' || character === '\b') text = [...text].slice(0, -1).join('');
          else if (character === '\u0015') text = '';
          else if (character >= ' ') text += character;
        }
      };
      input.setRawMode(true);
      input.setEncoding('utf8').on('data', take).on('end', gone).resume();
      if (this.#rest !== '') take('');
    });
  }
}

import { Injectable } from '@nestjs/common';
import { IsString } from 'class-validator';
import { type OperationContext, type OperationHandler, type OperationOutcome, OperationType } from 'ringback';

/** A service of the host's, to show that handlers are ordinary providers. */
@Injectable()
export class Dictionary {
  split(text: string): string[] {
    return text.split(/\s+/).filter((word) => word !== '');
  }
}

class WordsInput {
  @IsString()
  text!: string;
}

/** Counts words, slowly enough to be watched: one every 50 ms. */
@OperationType<WordsInput>({ name: 'acme.words', title: 'Count words', input: WordsInput })
export class WordsHandler implements OperationHandler<WordsInput> {
  constructor(private readonly dictionary: Dictionary) {}

  async run({ text }: WordsInput, context: OperationContext): Promise<OperationOutcome> {
    const words = this.dictionary.split(text);
    if (words.length === 0) context.fail('no_words', 'the text has no words');
    for (const [done] of words.entries()) {
      context.progress((100 * done) / words.length, `Counted ${done} of ${words.length}`);
      await pause(50, context.signal);
    }
    return { result: { words: words.length } };
  }
}

/** Ends at once when the operation is canceled. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        reject(signal.reason as Error);
      },
      { once: true },
    );
  });
}

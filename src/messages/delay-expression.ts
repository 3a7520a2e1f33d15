/** The functions that an expression may call, by how many arguments they take. */
const FUNCTIONS: Readonly<Record<string, (...values: number[]) => number>> = {
  pow: (base: number, exponent: number) => base ** exponent,
  sqrt: (value: number) => Math.sqrt(value),
  abs: (value: number) => Math.abs(value),
  exp: (value: number) => Math.exp(value),
  floor: (value: number) => Math.floor(value),
  ceil: (value: number) => Math.ceil(value),
  round: (value: number) => Math.round(value),
  min: (one: number, other: number) => Math.min(one, other),
  max: (one: number, other: number) => Math.max(one, other),
};
const TOKEN = /\s*(?:((?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)|([a-z_]\w*)|([-+*/%(),]))/iy;
const MAX_LENGTH = 500;
const MAX_DEPTH = 50;

/** Why an expression can't be read: names what is wrong in it. */
export class DelayExpressionError extends Error {
  override readonly name = 'DelayExpressionError';
}

/** The value of an expression such as `max(1000, pow(2, retried) * 100)`, which may be no number that makes sense. */
export function delayExpression(text: string, retried: number): number {
  if (text.length > MAX_LENGTH) throw new DelayExpressionError(`has more than ${MAX_LENGTH} characters`);
  return new Reading(tokensOf(text), retried).all();
}

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  for (TOKEN.lastIndex = 0; TOKEN.lastIndex < text.trimEnd().length;) {
    const at = TOKEN.lastIndex;
    const found = TOKEN.exec(text);
    if (!found)
      throw new DelayExpressionError(
        `has "${text.slice(at, at + 10).trim()}", which is no part of an expression`,
      );
    tokens.push(found[1] ?? found[2] ?? found[3]!);
  }
  return tokens;
}

/** Reads tokens from left to right and does the sums on the way. */
class Reading {
  private at = 0;
  private depth = 0;

  constructor(
    private readonly tokens: readonly string[],
    private readonly retried: number,
  ) {}

  all(): number {
    const value = this.sum();
    if (this.at < this.tokens.length)
      throw new DelayExpressionError(`has "${this.tokens[this.at]}" too many`);
    return value;
  }

  private sum(): number {
    if (++this.depth > MAX_DEPTH) throw new DelayExpressionError(`is nested deeper than ${MAX_DEPTH} levels`);
    let value = this.product();
    for (let sign = this.oneOf('+', '-'); sign !== null; sign = this.oneOf('+', '-'))
      value += sign === '+' ? this.product() : -this.product();
    this.depth--;
    return value;
  }

  private product(): number {
    let value = this.signed();
    for (let sign = this.oneOf('*', '/', '%'); sign !== null; sign = this.oneOf('*', '/', '%')) {
      const by = this.signed();
      value = sign === '*' ? value * by : sign === '/' ? value / by : value % by;
    }
    return value;
  }

  private signed(): number {
    let negative = false;
    for (let sign = this.oneOf('-', '+'); sign !== null; sign = this.oneOf('-', '+'))
      negative = negative !== (sign === '-');
    return negative ? -this.value() : this.value();
  }

  private value(): number {
    const token = this.tokens[this.at++];
    if (token === undefined) throw new DelayExpressionError('ends too early');
    if (token === '(') return this.closed(this.sum());
    if (/^[\d.]/.test(token)) return Number(token);
    if (token === 'retried') return this.retried;
    if (Object.hasOwn(FUNCTIONS, token)) return this.call(token);
    throw new DelayExpressionError(
      `has "${token}": it may use numbers, retried, + - * / % and ${Object.keys(FUNCTIONS).join(', ')}`,
    );
  }

  private call(name: string): number {
    const called = FUNCTIONS[name]!;
    if (this.oneOf('(') === null) throw new DelayExpressionError(`has ${name} without its arguments`);
    const values = [this.sum()];
    while (this.oneOf(',') !== null) values.push(this.sum());
    if (values.length !== called.length)
      throw new DelayExpressionError(`gives ${name} ${values.length} arguments: it takes ${called.length}`);
    return this.closed(called(...values));
  }

  private closed(value: number): number {
    if (this.oneOf(')') === null) throw new DelayExpressionError('lacks a )');
    return value;
  }

  private oneOf(...signs: string[]): string | null {
    const token = this.tokens[this.at];
    if (token === undefined || !signs.includes(token)) return null;
    this.at++;
    return token;
  }
}

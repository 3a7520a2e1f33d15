import { newDatabase } from './database.js';
import { Door } from './door.js';

/** A database that can go away and come back, while the server and what else uses it live on. */
export class FragileDatabase implements AsyncDisposable {
  private constructor(
    /** Where a service is to find it. */
    readonly url: string,
    /** Where it is all the time, for the test's own eyes. */
    readonly direct: string,
    private readonly door: Door,
    private readonly target: number,
  ) {}

  /** Of a migrated, empty database unless another is given. */
  static async create(given?: string): Promise<FragileDatabase> {
    const direct = given ?? (await newDatabase());
    const url = new URL(direct);
    const target = Number(url.port);
    const door = await Door.to(target);
    url.port = String(door.port);
    return new FragileDatabase(url.href, direct, door, target);
  }

  /** Every connection breaks, and new ones are refused. */
  goAway(): void {
    this.door.close();
  }

  comeBack(): void {
    this.door.target = this.target;
  }

  /** The answers to statements that have this text in them are on their way until `letGo`. */
  holdAnswersTo(text: string): void {
    this.door.holdAnswersTo(text);
  }

  letGo(): void {
    this.door.letGo();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.door[Symbol.asyncDispose]();
  }
}

/** `ringback/testing`: runs an operation handler in a unit test, without PostgreSQL, queue or HTTP. */
export { type GivenFile, type KeptFile, TestContext } from './test-context.js';
export { type Ran, type RanOutcome, runHandler, type RunHandlerOptions } from './run-handler.js';

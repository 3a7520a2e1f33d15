import type { ErrorDialect } from '../../http/problem.js';

/** Errors in QStash's form: what it calls 400 covers what others call 422. */
export const qstashError: ErrorDialect = ({ status, detail }) => ({
  status: status === 422 ? 400 : status,
  body: { error: detail },
});

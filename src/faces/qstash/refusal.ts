import { Problem } from '../../http/problem.js';

/** A caller's fault, told in QStash's way. */
export function refused(path: string, message: string): Problem {
  return new Problem(400, 'invalid-request', `${path} ${message}`, { errors: [{ path, message }] });
}

import { originForm } from './request-target.js';

/** Below these, handlers read a URL or a name of the caller's byte for byte, from the target as it came. */
const READ_RAW =
  /^((?:https?:\/\/[^/?#]*)?\/qstash\/v2\/(?:publish|enqueue|schedules|flowControl)\/)([^?#]*)(.*)$/is;

/** A path of the faces that ignore one slash at its end. */
const ENDED_AT_WILL = /^\/(?:api|bgrs)\/[^?#]/;

/**
 * The target that a request is routed by. What the router would refuse, though the handler takes it, is escaped once more: escapes
 * that are no UTF-8 (`caf%E9`), none at all (`100%`), and NUL. Below `/api/` and `/bgrs/` one slash at the end of the
 * path is left out.
 */
export function routable(target: string): string {
  const queryAt = target.search(/[?#]/);
  const end = queryAt === -1 ? target.length : queryAt;
  if (target[end - 1] === '/' && target[end - 2] !== '/' && ENDED_AT_WILL.test(originForm(target)))
    return target.slice(0, end - 1) + target.slice(end);
  const found = target.includes('%') && READ_RAW.exec(target);
  if (!found) return target;
  const [, before = '', path = '', rest = ''] = found;
  return before + (isRoutable(path) ? path : path.replaceAll('%', '%25')) + rest.replaceAll('%00', '%2500');
}

function isRoutable(path: string): boolean {
  try {
    return !decodeURI(path).includes('\0');
  } catch {
    return false;
  }
}

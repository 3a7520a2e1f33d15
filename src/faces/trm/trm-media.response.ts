import type { FileEntity } from '../../files/file.entity.js';
import { tokenOf } from './trm-tokens.js';

export class TrmMedia {
  /** What `GET /api/media/get/:token` and operations' inputs take: 32 hex digits. */
  token: string;
  name: string;
}

/** A stored upload. */
export class TrmMediaResponse {
  result: TrmMedia;

  static from({ id, name }: FileEntity): TrmMediaResponse {
    return { result: { token: tokenOf(id), name } };
  }
}

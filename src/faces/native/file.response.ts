import { IsOptional, IsString, Length } from 'class-validator';
import { accountShown, type Whose } from '../../accounts/whose.js';
import type { FileEntity } from '../../files/file.entity.js';
import { ApiLargeInteger, ApiTime } from '../../http/api-properties.js';

export class UploadQuery {
  /** File name; of a form's file where it isn't given. */
  @IsOptional()
  @IsString()
  @Length(1, 255)
  name?: string;
}

/** A stored file. */
export class FileResponse {
  id: string;
  /** Whose it is; there where the request named an `account`. */
  account_id?: string;
  name: string;
  content_type: string;
  /** Bytes. */
  @ApiLargeInteger()
  size: number;
  /** Lower-case hex. */
  sha256: string;
  @ApiTime()
  created_at: string;
  @ApiTime()
  expires_at: string | null;

  static from(file: FileEntity, whose?: Whose): FileResponse {
    return {
      id: file.id,
      ...accountShown(file.accountId, whose),
      name: file.name,
      content_type: file.contentType,
      size: Number(file.size),
      sha256: file.sha256,
      created_at: file.createdAt.toISOString(),
      expires_at: file.expiresAt?.toISOString() ?? null,
    };
  }
}

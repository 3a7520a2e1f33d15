import { IsOptional, IsString, Length } from 'class-validator';
import type { FileEntity } from '../../files/file.entity.js';

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
  name: string;
  content_type: string;
  /** Bytes. */
  size: number;
  /** Lower-case hex. */
  sha256: string;
  created_at: string;
  expires_at: string | null;

  static from(file: FileEntity): FileResponse {
    return {
      id: file.id,
      name: file.name,
      content_type: file.contentType,
      size: Number(file.size),
      sha256: file.sha256,
      created_at: file.createdAt.toISOString(),
      expires_at: file.expiresAt?.toISOString() ?? null,
    };
  }
}

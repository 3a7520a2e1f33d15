export class TrmMedia {
  /** What `GET /api/media/get/:token` and operations' inputs take. */
  token: string;
  name: string;
}

/** A stored upload. */
export class TrmMediaResponse {
  result: TrmMedia;
}

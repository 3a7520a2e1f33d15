import { filesUrl, optional, text, url } from '../settings.js';
import { sliceOf } from '../slice.js';

const ASKED = {
  place: optional(
    'RINGBACK_FILES_URL',
    'the folder `files` in RINGBACK_DATA_DIR',
    'Where results and uploads are stored: `file:///path`, or `s3://bucket/prefix` on any S3-compatible server. Credentials come from the standard AWS variables, files and roles.',
    filesUrl,
  ),
  s3Endpoint: optional(
    'AWS_ENDPOINT_URL_S3',
    'AWS_ENDPOINT_URL, else AWS itself',
    'The S3-compatible server that is not AWS, `https://s3.example.com`; buckets are then named in the path.',
    url('http:', 'https:'),
  ),
  awsEndpoint: optional(
    'AWS_ENDPOINT_URL',
    'AWS itself',
    'Read where AWS_ENDPOINT_URL_S3 is not set.',
    url('http:', 'https:'),
  ),
  region: optional(
    'AWS_REGION',
    'that of the AWS profile, else us-east-1',
    'Region of the bucket. Many other servers take any.',
    text,
  ),
};

/** A bucket of an S3-compatible store, and where in it. */
export interface S3Place {
  readonly bucket: string;
  /** What every key begins with, without a slash at its end; may be empty. */
  readonly prefix: string;
  /** Of a server other than AWS. */
  readonly endpoint: string | undefined;
  readonly region: string | undefined;
}

/** Where files are stored. */
export abstract class FilesConfig extends sliceOf({}, ASKED) {
  /** Used where `s3` names no bucket. */
  abstract readonly folder: string;
  abstract readonly s3: S3Place | undefined;
  /** Seconds that an upload is kept. */
  abstract readonly keptS: number;
}

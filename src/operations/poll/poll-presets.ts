import { PLAIN, type PollPlan } from './poll-plan.js';

/** Plans of well-known APIs, made from their public descriptions. */
export const PRESETS = {
  /** RFC 9110, 15.3.3: 202 and the URL to look at, until that answers something else. */
  'http-202': { ...PLAIN, location: ['header:Location', 'header:Content-Location'] },

  /** Azure's long-running operations; the `Location` alone is polled by status, as that of a resource is. */
  azure: {
    ...PLAIN,
    location: ['header:Operation-Location', 'header:Azure-AsyncOperation', 'header:Location'],
    status: ['json:/status', 'json:/properties/provisioningState'],
    unsaid: 'http',
    done: ['succeeded'],
    failed: ['failed', 'canceled', 'cancelled'],
    error: ['json:/error'],
    result: ['json:/resourceLocation', 'body'],
    progress: ['json:/percentComplete'],
  },

  /** google.longrunning.Operation. Its name follows the version, which the first request's path begins with. */
  'google-lro': {
    ...PLAIN,
    location: ['/{path:1}/{json:/name}'],
    status: ['json:/done'],
    done: ['true'],
    error: ['json:/error'],
    progress: [
      'json:/metadata/progressPercent',
      'json:/metadata/progressPercentage',
      'json:/metadata/progress_percent',
    ],
    cancel: 'POST {path}:cancel',
  },

  /** FHIR's asynchronous requests, bulk export among them. */
  fhir: {
    ...PLAIN,
    location: ['header:Content-Location', 'header:Location'],
    progress: ['header:X-Progress'],
    text: ['header:X-Progress'],
    cancel: 'DELETE {path}{query}',
  },

  /** Replicate's predictions and trainings. */
  replicate: {
    ...PLAIN,
    location: ['json:/urls/get'],
    status: ['json:/status'],
    done: ['succeeded'],
    failed: ['failed', 'canceled', 'aborted'],
    error: ['json:/error'],
    cancel: 'POST {path}/cancel',
  },

  /** OpenAI's batches. Where every request failed there is no output, but a file of errors. */
  'openai-batch': {
    ...PLAIN,
    everyS: 30,
    location: ['{path}/{json:/id}{query}'],
    status: ['json:/status'],
    done: ['completed'],
    failed: ['failed', 'expired', 'cancelled'],
    error: ['json:/errors/data/0'],
    result: [
      '{path}/../../files/{json:/output_file_id}/content{query}',
      '{path}/../../files/{json:/error_file_id}/content{query}',
      'body',
    ],
    progress: ['json:/request_counts/completed'],
    total: 'json:/request_counts/total',
    text: ['json:/status'],
    cancel: 'POST {path}/cancel{query}',
  },

  /** Wordbee's asynchronous operations, and the trm face of Ringback. */
  wordbee: {
    ...PLAIN,
    location: ['/api/trm/status?requestid={json:/trm/requestid}'],
    status: ['json:/trm/status'],
    // Its page calls an end within the submit both Finished and Success.
    done: ['finished', 'success'],
    failed: ['failed'],
    // The others are of its errors, which have no `trm`.
    error: ['json:/trm/statusInfo', 'json:/error/title', 'json:/reason'],
    text: ['json:/trm/statusText'],
  },

  /** BEAR's background requests, and the gateway of Ringback. Its articles show the state with and without an array around. */
  bear: {
    ...PLAIN,
    location: ['/bgrs/{json:/request}'],
    status: ['json:/0/status_name', 'json:/status_name'],
    done: ['finished'],
    failed: ['failed', 'canceled'],
    result: ['{path}/result'],
    progress: ['json:/0/progress', 'json:/progress'],
  },
} as const satisfies Record<string, PollPlan>;

export type PresetName = keyof typeof PRESETS;

/** Names of the presets, as callers write them. */
export const PRESET_NAMES = Object.keys(PRESETS) as PresetName[];

export function isPreset(name: unknown): name is PresetName {
  return typeof name === 'string' && Object.hasOwn(PRESETS, name);
}

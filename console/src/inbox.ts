import { useQuery } from '@tanstack/react-query';
import { get } from './api.js';
import { useSession } from './session.js';

/** A callback that the service itself has received, in development. */
export interface ReceivedSummary {
  readonly number: number;
  readonly received_at: string;
  readonly event: string | null;
  readonly delivery_id: string | null;
  readonly operation_id: string | null;
  readonly attempt: number | null;
  readonly verified: boolean;
  /** The status that it was answered with. */
  readonly answered: number;
  readonly size: number;
}

/** One with all that came, and what was compared. */
export interface ReceivedCallback extends ReceivedSummary {
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string | null;
  readonly body_base64: string | null;
  readonly signature: {
    readonly verified: boolean;
    readonly reason: string | null;
    readonly secret_of: string | null;
    readonly signed_before: string | null;
    readonly given: readonly { readonly text: string; readonly matches: boolean | null }[];
    /** Null where the key may not read the secret. */
    readonly expected: readonly string[] | null;
  };
}

/** How the inbox answers. */
export interface InboxAnswers {
  /** So many of the next are answered 500. */
  readonly fail_next: number;
  readonly wait_s: number;
}

export interface InboxState {
  /** Where callbacks are sent to be shown here. */
  readonly url: string;
  readonly answers: InboxAnswers;
  readonly data: readonly ReceivedSummary[];
}

const LOOK_MS = 1_000;

/** The inbox of this service; null where it has none, as in production, or until it has been read. */
export function useInbox({ isWatched = false } = {}): { inbox: InboxState | null; error: Error | null } {
  const { inbox: hasInbox } = useSession();
  const { data, error } = useQuery({
    queryKey: ['inbox'],
    queryFn: ({ signal }) => get<InboxState>('/inbox', {}, signal),
    enabled: hasInbox,
    refetchInterval: isWatched ? LOOK_MS : false,
  });
  return { inbox: data ?? null, error };
}

/** One of what it has received. */
export function useReceived(number: number | undefined): {
  received: ReceivedCallback | undefined;
  error: Error | null;
} {
  const { data, error } = useQuery({
    queryKey: ['inbox', number],
    queryFn: ({ signal }) => get<ReceivedCallback>(`/inbox/${number}`, {}, signal),
    enabled: number !== undefined,
    staleTime: Infinity,
  });
  return { received: data, error };
}

/** What each reason means for who asks why nothing comes any more. */
const REASONS: Readonly<Record<string, string>> = {
  schedule_spent: 'all attempts of the schedule have failed',
  deadline_spent: 'the next attempt would have come after the deadline',
  gone: 'the receiver answered 410, which means for good',
  aborted_by_receiver: 'the receiver asked for no more attempts (webhook-delivery header)',
  blocked_destination: 'its URL may not be called',
  canceled: 'somebody canceled it',
  operation_erased: 'its operation was erased',
  endpoint_deleted: 'its endpoint was deleted',
  acknowledged_by_poll: 'the caller has read the end by polling',
};

/** Why a delivery was given up, in words; a reason that isn't known as it is. */
export function reasonText(reason: string): string {
  return REASONS[reason] ?? reason;
}

/** Whether a callback URL would be accepted; if not, why. */
export class CallbackCheckResponse {
  accepted: boolean;
  code: string | null;
  reason: string | null;
}

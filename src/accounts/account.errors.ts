/** The account is disabled: none of its keys is taken. */
export class AccountDisabledError extends Error {
  override readonly name = 'AccountDisabledError';
  readonly code = 'account-disabled';

  constructor() {
    super('this account is disabled: ask who runs this service');
  }
}

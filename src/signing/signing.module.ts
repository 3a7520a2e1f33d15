import { Module } from '@nestjs/common';
import { SecretConfig } from '../config/config.js';
import { parseSecretKeys } from '../config/secret-keys.js';
import { SealedValues } from './sealed-values.store.js';
import { SecretBox } from './secret-box.js';
import { SigningSecrets } from './signing-secrets.store.js';

/** Signatures, and what is encrypted at rest. */
@Module({
  providers: [
    {
      provide: SecretBox,
      inject: [SecretConfig],
      useFactory: (config: SecretConfig) => new SecretBox(parseSecretKeys(config.keys)),
    },
    SigningSecrets,
    SealedValues,
  ],
  exports: [SecretBox, SigningSecrets, SealedValues],
})
export class SigningModule {}

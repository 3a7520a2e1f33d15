import { createSecureContext, getCACertificates, rootCertificates, type SecureContext } from 'node:tls';

/** Contexts that are remembered: parsing all authorities anew for each connection would cost more than the handshake. */
const MAX_CONTEXTS = 200;

/** What a connection shows of this side, where it shows something. */
interface Shown {
  cert?: unknown;
  key?: unknown;
}

/** Makes TLS trust an operator's own authorities besides the usual ones. */
export class TlsTrust {
  /** By the certificate that is shown; the one made longest ago first. */
  private readonly contexts = new Map<unknown, SecureContext>();

  constructor(private readonly roots: readonly string[]) {}

  /** What TLS is to be given besides; nothing where there are no authorities of the operator's. */
  optionsFor({ cert, key }: Shown): { secureContext?: SecureContext } {
    if (this.roots.length === 0) return {};
    const secureContext = this.contexts.get(cert) ?? this.make({ cert, key });
    return { secureContext };
  }

  private make({ cert, key }: Shown): SecureContext {
    // Node before 22.15 can't tell the default ones.
    const usual =
      (getCACertificates as typeof getCACertificates | undefined)?.('default') ?? rootCertificates;
    const context = createSecureContext({
      ca: [...usual, ...this.roots],
      ...(cert === undefined ? {} : { cert: cert as string, key: key as string }),
    });
    this.contexts.set(cert, context);
    if (this.contexts.size > MAX_CONTEXTS) this.contexts.delete(this.contexts.keys().next().value);
    return context;
  }
}

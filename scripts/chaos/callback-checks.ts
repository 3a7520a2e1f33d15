import type { DeliveryFact, Facts, PostFact } from './facts.js';
import type { Check, Violation } from './oracle.js';

/** What is promised of callbacks. */
export const callbackChecks: readonly Check[] = [
  endsAreOwed,
  owedArrive,
  bytesAreTheSame,
  signaturesAreValid,
  onlyKnownAreCalledBack,
];

function endsAreOwed({ operations, deliveries }: Facts): Violation[] {
  const owed = new Set(deliveries.map(({ operation, destination }) => `${operation} ${destination}`));
  return operations
    .filter(({ endedAt }) => endedAt !== null)
    .flatMap(({ id, destinations }) =>
      destinations
        .filter((destination) => !owed.has(`${id} ${destination}`))
        .map((destination) => ({
          kind: 'callback-not-owed',
          id,
          detail: `has ended, and nothing is owed to its ${destination}`,
        })),
    );
}

function owedArrive({ deliveries, posts, mostAttempts }: Facts): Violation[] {
  const taken = new Set(posts.filter(wasTaken).map(({ delivery }) => delivery));
  return deliveries.flatMap((delivery) => {
    const fault = faultOf(delivery, taken.has(delivery.id), mostAttempts);
    const { id, operation } = delivery;
    return fault === null ? [] : [{ ...fault, id, detail: `${fault.detail} (operation ${operation})` }];
  });
}

function faultOf(
  { state, reason, attempts }: DeliveryFact,
  taken: boolean,
  mostAttempts: number,
): Omit<Violation, 'id'> | null {
  switch (state) {
    case 'Delivered':
      return taken
        ? null
        : { kind: 'callback-lost', detail: 'is Delivered, and no receiver answered it 2xx' };
    case 'Canceled':
      return reason === 'acknowledged_by_poll'
        ? null
        : { kind: 'callback-given-up', detail: `is Canceled, which nobody asked for (${reason})` };
    case 'Exhausted':
      return attempts >= mostAttempts
        ? null
        : { kind: 'callback-given-up', detail: `is Exhausted after ${attempts} attempts (${reason})` };
    default:
      return { kind: 'callback-pending', detail: `is still ${state} after ${attempts} attempts` };
  }
}

function bytesAreTheSame({ deliveries, posts }: Facts): Violation[] {
  const digests = new Map(deliveries.map(({ id, digest }) => [id, digest]));
  const changed = posts.filter(
    ({ delivery, digest }) => digests.has(delivery) && digests.get(delivery) !== digest,
  );
  return perDelivery(changed, 'bytes-changed', 'was sent with other bytes than are stored');
}

function signaturesAreValid({ posts }: Facts): Violation[] {
  const unsigned = posts.filter(({ signed }) => !signed);
  return perDelivery(unsigned, 'signature-invalid', 'came with a signature that does not verify');
}

function onlyKnownAreCalledBack({ operations, deliveries, posts }: Facts): Violation[] {
  const known = new Set(operations.map(({ id }) => id));
  const owed = new Set(deliveries.map(({ id }) => id));
  return [
    ...perDelivery(
      posts.filter(({ operation }) => !known.has(operation)),
      'unknown-called-back',
      'told of an operation that has no row',
    ),
    ...perDelivery(
      posts.filter(({ operation, delivery }) => known.has(operation) && !owed.has(delivery)),
      'unknown-called-back',
      'came and has no row',
    ),
  ];
}

function wasTaken({ answered }: PostFact): boolean {
  return answered !== null && answered >= 200 && answered < 300;
}

function perDelivery(posts: readonly PostFact[], kind: string, detail: string): Violation[] {
  const byDelivery = Map.groupBy(posts, ({ delivery }) => delivery);
  return [...byDelivery].map(([id, of]) => ({
    kind,
    id,
    detail: `${detail}: ${of.length} times (operation ${of[0]!.operation})`,
  }));
}

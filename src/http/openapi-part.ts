import type { INestApplication, Type } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type { OpenAPIObject } from '@nestjs/swagger';

/** What a face adds to the document, beside what its controllers say of themselves: a provider of its module. */
export abstract class OpenApiPart {
  /** Classes whose schemas it refers to. */
  readonly models: readonly Type[] = [];

  /** Grows whenever what it describes has changed. */
  get version(): number {
    return 0;
  }

  /** Resolves when it knows what it is to describe. */
  fresh(): Promise<void> {
    return Promise.resolve();
  }

  abstract describe(document: OpenAPIObject): void;
}

/** The parts of all faces that this process has. */
export function partsOf(app: INestApplication): OpenApiPart[] {
  return [...app.get(ModulesContainer).values()]
    .flatMap(({ providers }) => [...providers.values()])
    .map(({ instance }): unknown => instance)
    .filter((instance) => instance instanceof OpenApiPart);
}

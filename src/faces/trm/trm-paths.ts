import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { OperationTypes, type RegisteredType } from '../../operations/run/operation-types.js';

interface Path {
  readonly type: RegisteredType;
  readonly segments: readonly string[];
  readonly parameters: number;
}

/** Routes of this face that would hide an operation type's. */
const FIXED = new Set(['auth/token', 'media/upload', 'trm/status']);

/** Which operation type a path below `/api/` runs. */
@Injectable()
export class TrmPaths implements OnApplicationBootstrap {
  private paths: Path[] = [];

  constructor(private readonly types: OperationTypes) {}

  onApplicationBootstrap(): void {
    const hidden = this.types.all().find(({ path }) => path !== null && FIXED.has(path));
    if (hidden)
      throw new Error(
        `operation type "${hidden.name}": /api/${hidden.path} is a route of the trm face itself; choose another path`,
      );
    this.paths = this.types
      .all()
      .flatMap((type) => (type.path === null ? [] : [toPath(type, type.path)]))
      // The more of it is spelled out, the sooner it is meant.
      .sort((a, b) => a.parameters - b.parameters);
  }

  /** The type and what the path's parameters are; null when no type has such a path. */
  find(path: string): { type: RegisteredType; parameters: Record<string, string> } | null {
    const given = path.split('/');
    for (const { type, segments } of this.paths) {
      if (segments.length !== given.length) continue;
      const parameters: Record<string, string> = {};
      const fits = segments.every((segment, index) => {
        if (!segment.startsWith('{')) return segment === given[index];
        parameters[segment.slice(1, -1)] = given[index]!;
        return given[index] !== '';
      });
      if (fits) return { type, parameters };
    }
    return null;
  }
}

function toPath(type: RegisteredType, path: string): Path {
  const segments = path.split('/');
  return { type, segments, parameters: segments.filter((segment) => segment.startsWith('{')).length };
}

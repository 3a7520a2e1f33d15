import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Declarations } from '../../operations/declared/declarations.service.js';
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
  /** Of the types that the paths are of. */
  private version = -1;

  constructor(
    private readonly types: OperationTypes,
    declarations: Declarations,
  ) {
    declarations.reserve(FIXED);
  }

  onApplicationBootstrap(): void {
    const hidden = this.types.all().find(({ path }) => path !== null && FIXED.has(path));
    if (hidden)
      throw new Error(
        `operation type "${hidden.name}": /api/${hidden.path} is a route of the trm face itself; choose another path`,
      );
  }

  /** The type and what the path's parameters are; null when no type has such a path. */
  async find(path: string): Promise<{ type: RegisteredType; parameters: Record<string, string> } | null> {
    const given = path.split('/');
    const found = this.among(this.known(), given);
    if (found?.type.declared === null) return found;
    // Of a declared type, or of none that is known here.
    await this.types.fresh();
    return this.among(this.known(), given);
  }

  private known(): readonly Path[] {
    if (this.version !== this.types.version) {
      this.version = this.types.version;
      this.paths = this.types
        .all()
        .flatMap((type) => (type.path === null ? [] : [toPath(type, type.path)]))
        // The more of it is spelled out, the sooner it is meant.
        .sort((a, b) => a.parameters - b.parameters);
    }
    return this.paths;
  }

  private among(
    paths: readonly Path[],
    given: readonly string[],
  ): { type: RegisteredType; parameters: Record<string, string> } | null {
    for (const { type, segments } of paths) {
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

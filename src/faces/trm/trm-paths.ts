import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Declarations } from '../../operations/declared/declarations.service.js';
import { OperationTypes, type RegisteredType } from '../../operations/run/operation-types.js';

interface Path {
  readonly type: RegisteredType;
  readonly segments: readonly string[];
  readonly parameters: number;
}

/** First segments of this face's own routes. */
const OWN = new Set(['auth', 'media', 'trm']);
/** Its routes that take POST, which would hide an operation type's. */
const HIDING = ['auth/token', 'media/upload', 'trm/status'].map((path) => path.split('/'));

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
    declarations.reserve(ownPathFault);
  }

  onApplicationBootstrap(): void {
    // One that was declared when more paths were allowed stops no start.
    for (const { name, path, declared } of this.types.all()) {
      const fault = path === null || declared !== null ? null : ownPathFault(path);
      if (fault !== null) throw new Error(`operation type "${name}": ${fault}`);
    }
  }

  /**
   * The type and what the path's parameters are; null when no type has such a path. The path is as it came, and well-formed: what is
   * escaped is decoded within its segment, so that `a%2Fb` is one.
   */
  async find(path: string): Promise<{ type: RegisteredType; parameters: Record<string, string> } | null> {
    const given = path.split('/').map((segment) => decodeURIComponent(segment));
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

/** Why no type can have a path that is in this face's own space; null where it isn't. */
function ownPathFault(path: string): string | null {
  const segments = path.split('/');
  const hidden = HIDING.find(
    (own) =>
      own.length === segments.length &&
      own.every((name, index) => segments[index]!.startsWith('{') || segments[index] === name),
  );
  if (hidden)
    return `the path "${path}" is also that of /api/${hidden.join('/')}, a route of the trm face itself: choose another path`;
  return OWN.has(segments[0]!)
    ? `the path "${path}" is among the trm face's own, below /api/${segments[0]}: let it begin with another word`
    : null;
}

function toPath(type: RegisteredType, path: string): Path {
  const segments = path.split('/');
  return { type, segments, parameters: segments.filter((segment) => segment.startsWith('{')).length };
}

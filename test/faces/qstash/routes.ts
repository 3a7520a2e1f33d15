import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const PACKAGE = fileURLToPath(new URL('.', import.meta.resolve('@upstash/qstash')));

/** Every request that the code of `@upstash/qstash` makes, as `GET /v2/queues/:queueName`. */
export function routesOfUpstash(): string[] {
  const files = readdirSync(PACKAGE).filter((file) => file.endsWith('.mjs'));
  return [...new Set(files.flatMap(routesOf))].toSorted();
}

function routesOf(file: string): string[] {
  const source = ts.createSourceFile(
    file,
    readFileSync(PACKAGE + file, 'utf8'),
    ts.ScriptTarget.Latest,
    true,
  );
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isArrayLiteralExpression(node) && isPath(node)) found.push(`${methodOf(node)} ${pathOf(node)}`);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** Paths are given in parts, of which the first is `v2` or `llm`. */
function isPath({ elements: [first] }: ts.ArrayLiteralExpression): boolean {
  return (
    first !== undefined && ts.isStringLiteral(first) && /^(v\d|llm)$/.test(first.text) && !isOfProvider(first)
  );
}

/** Those of a provider of models are asked of that provider. */
function isOfProvider(node: ts.Node): boolean {
  for (let above = node.parent; above; above = above.parent)
    if (ts.isMethodDeclaration(above) || ts.isFunctionDeclaration(above) || ts.isPropertyDeclaration(above))
      return /^(getRoute|updateWithAnalytics|createThirdParty)$/.test(above.name?.getText() ?? '');
  return false;
}

function pathOf({ elements }: ts.ArrayLiteralExpression): string {
  const parts = elements.map((element) => {
    if (ts.isStringLiteral(element)) return element.text;
    if (ts.isIdentifier(element)) return `:${element.text}`;
    if (ts.isPropertyAccessExpression(element)) return `:${element.name.text}`;
    if (ts.isCallExpression(element)) return ':destination';
    if (ts.isTemplateExpression(element))
      return `:${element.templateSpans[0]!.expression.getText().split('.').at(-1)}`;
    throw new Error(`a part of a path that is not understood: ${element.getText()}`);
  });
  return `/${parts.join('/')}`;
}

/** The method stands beside the path, or in the request that the path is given to. */
function methodOf(node: ts.Node): string {
  for (let above: ts.Node = node.parent; above; above = above.parent) {
    const method = methodIn(above);
    if (method !== null) return method;
  }
  throw new Error(`a path without a method: ${node.parent.getText()}`);
}

function methodIn(node: ts.Node): string | null {
  if (!ts.isObjectLiteralExpression(node) && !ts.isBlock(node)) return null;
  return /\bmethod: "([A-Z]+)"/.exec(node.getText())?.[1] ?? null;
}

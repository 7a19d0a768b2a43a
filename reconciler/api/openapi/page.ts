import type {SchemaObject} from 'ajv';
import type {Document, DocumentedOperation} from './document.ts';

/**
 * The document as one HTML page. Made here: the viewers there are load megabytes of script, from elsewhere or from us; this one needs none, and works in a
 * narrow window, in the dark, and in a terminal's browser.
 */
export function pageOf({info, tags, paths, components}: Document): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({path, method, operation})));
  const sections = tags.map(({name, description}) => {
    const own = operations.filter(({operation}) => operation.tags.includes(name));
    return `<section id="${name}"><h2>${name}</h2><p>${inline(description)}</p>${own.map((one) => operationHtml(one)).join('')}</section>`;
  });
  const schemas = Object.entries(components.schemas).map(([name, schema]) => `<details id="schema-${name}"><summary><code>${name}</code> ${inline(String(schema['description'] ?? ''))}</summary>${schemaHtml(schema)}</details>`);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><title>${escape(info.title)}: HTTP API</title><style>${STYLE}</style></head>
<body><header><h1>${escape(info.title)}: HTTP API</h1><p>${inline(info.description)} As a document for programs: <a href="/openapi.json">openapi.json</a>.</p>
<nav>${[...tags.map(({name}) => name), 'schemas'].map((name) => `<a href="#${name}">${name}</a>`).join(' ')}</nav></header>
<main>${sections.join('\n')}
<section id="schemas"><h2>schemas</h2><p>What goes in and comes out, and the manifests.</p>${schemas.join('')}</section></main></body></html>
`;
}

function operationHtml({path, method, operation}: {readonly path: string; readonly method: string; readonly operation: DocumentedOperation}): string {
  const {operationId, summary, description, parameters = [], requestBody, responses} = operation;
  const right = operation['x-flynn-right'];
  const rows = parameters.map(({name, in: where, required, schema, description: words}) => `<tr><td><code>${escape(name)}</code><td>${where}${required === true ? ', needed' : ''}<td>${kindOf(schema)}<td>${inline(words)}`);
  const body = Object.entries(requestBody?.content ?? {}).map(([type, {schema}]) => `<h4>Body: ${escape(type)}</h4>${schemaHtml(schema)}`);
  const answers = Object.entries(responses).filter(([status]) => Number(status) < 400).map(([status, answer]) => {
    const {description: words = '', content = {}} = answer as {description?: string; content?: Readonly<Record<string, {schema: SchemaObject}>>};
    return `<h4>${status}: ${inline(words)}</h4>${Object.entries(content).map(([type, {schema}]) => `<p>${escape(type)}: ${kindOf(schema)}</p>`).join('')}`;
  });
  return `<details id="${operationId}"><summary><b class="${method}">${method.toUpperCase()}</b> <code>${escape(path)}</code> <span>${inline(summary)}</span></summary>
${description === undefined ? '' : `<p>${inline(description)}</p>`}<p>${right === undefined ? 'Open to everybody.' : `Takes the right <code>${escape(right)}</code>.`}</p>
${rows.length === 0 ? '' : `<div class="wide"><table><tr><th>name<th>where<th>what<th>${rows.join('')}</table></div>`}${body.join('')}${answers.join('')}</details>`;
}

function schemaHtml(schema: SchemaObject): string {
  const properties = Object.entries((schema['properties'] ?? {}) as Readonly<Record<string, SchemaObject>>);
  if (properties.length === 0) return `<p>${kindOf(schema)}</p>`;
  const required = (schema['required'] ?? []) as readonly string[];
  return `<div class="wide"><table>${properties.map(([name, one]) => `<tr><td><code>${escape(name)}</code>${required.includes(name) ? ' *' : ''}<td>${kindOf(one)}<td>${inline(String(one['description'] ?? ''))}`).join('')}</table></div>`;
}

function kindOf(schema: SchemaObject): string {
  const {$ref, type, items, anyOf, oneOf, additionalProperties} = schema as Readonly<Record<string, unknown>>;
  if (typeof $ref === 'string') return `<a href="#schema-${escape($ref.split('/').at(-1) ?? '')}">${escape($ref.split('/').at(-1) ?? '')}</a>`;
  if (schema['const'] !== undefined) return `<code>${escape(JSON.stringify(schema['const']))}</code>`;
  if (Array.isArray(schema['enum'])) return (schema['enum'] as readonly unknown[]).map((one) => `<code>${escape(String(one))}</code>`).join(' ');
  if (type === 'array') return `list of ${kindOf((items ?? {}) as SchemaObject)}`;
  if (Array.isArray(anyOf) && type === undefined) return (anyOf as readonly SchemaObject[]).map(kindOf).join(' or ');
  if (Array.isArray(oneOf) && type === undefined) return (oneOf as readonly SchemaObject[]).map(kindOf).join(' or ');
  if (type === 'object' && typeof additionalProperties === 'object') return `object of ${kindOf(additionalProperties as SchemaObject)}`;
  if (type === 'object') return `object ${Object.keys((schema['properties'] ?? {}) as object).map((name) => `<code>${escape(name)}</code>`).join(' ')}`;
  const {minimum, maximum} = schema as {minimum?: number; maximum?: number};
  const range = minimum !== undefined && maximum !== undefined ? ` ${minimum}–${maximum}` : '';
  return `${escape([type ?? 'any'].flat().join(' or '))}${range}${schema['default'] === undefined ? '' : `, default <code>${escape(JSON.stringify(schema['default']))}</code>`}`;
}

/** `code` in words. */
function inline(text: string): string {
  return escape(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>');
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

const STYLE = `
:root{color-scheme:light dark;--line:#8884;--dim:#777}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem;overflow-wrap:anywhere}
nav{display:flex;flex-wrap:wrap;gap:.2rem .8rem}h1{line-height:1.2}h2{margin:2rem 0 0;border-bottom:1px solid var(--line)}h4{margin:.8rem 0 .2rem}
details{border-bottom:1px solid var(--line);padding:.35rem 0}summary{cursor:pointer}summary span{color:var(--dim)}details[open]{padding-bottom:1rem}
code{font:.9em ui-monospace,monospace}b{font:700 .8em ui-monospace,monospace;display:inline-block;min-width:3.6rem}
.get{color:#0a7d32}.post{color:#9a5b00}.patch,.put{color:#6b3fb0}.delete{color:#b3261e}
@media(prefers-color-scheme:dark){.get{color:#6cd08b}.post{color:#f0b35a}.patch,.put{color:#bda0f0}.delete{color:#ff8a80}}
.wide{overflow-x:auto}table{border-collapse:collapse}td,th{text-align:left;vertical-align:top;padding:.15rem .8rem .15rem 0}
`;

// Checks dashboards against Grafana's own types, made into JSON Schema.
//
// node schema.js FILE...
//
// Grafana publishes its dashboards' schema as the types of @grafana/schema. Of the panels' options and custom field
// settings, which the dashboard's type leaves open, those of each type of panel are checked too. Unknown keys are mistakes.
// Says what is wrong, one line each, and ends with status 1 if anything is.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';

import Ajv from 'ajv';
import { createGenerator } from 'ts-json-schema-generator';

const require = createRequire(import.meta.url);
const RAW = path.join(path.dirname(require.resolve('@grafana/schema')), '..', 'esm', 'raw');
const PANELS = {
  bargauge: 'BarGauge',
  stat: 'Stat',
  'state-timeline': 'StateTimeline',
  table: 'Table',
  timeseries: 'TimeSeries',
};
/** What a type lacks, though Grafana reads it: Prometheus' annotations have more than Grafana's own. */
const ANNOTATION = ['titleFormat', 'textFormat'];

function validator(file, type) {
  const generator = createGenerator({
    path: path.join(RAW, file),
    type,
    skipTypeCheck: true,
    additionalProperties: false,
    expose: 'export',
  });
  return new Ajv({ allErrors: true, strict: false }).compile(generator.createSchema(type));
}

const validators = new Map();

function problems(file, type, value) {
  const key = `${file} ${type}`;
  if (!validators.has(key)) {
    validators.set(key, validator(file, type));
  }
  const validate = validators.get(key);
  validate(value);
  return (validate.errors ?? []).map(({ instancePath, message, params }) => {
    const more = params.additionalProperty ?? params.allowedValues ?? '';
    return `${type}${instancePath} ${message} ${more}`;
  });
}

/** As the type has it: without what only Prometheus' annotations have, and with their query where the type has one. */
function typed(dashboard) {
  const copy = structuredClone(dashboard);
  for (const annotation of copy.annotations.list) {
    ANNOTATION.forEach((key) => delete annotation[key]);
    delete annotation.target;
  }
  return copy;
}

function check(dashboard) {
  const found = problems('dashboard/x/dashboard_types.gen.d.ts', 'Dashboard', typed(dashboard));
  for (const panel of dashboard.panels.filter(({ type }) => type !== 'row')) {
    const name = PANELS[panel.type];
    const file = `composable/${panel.type.replaceAll('-', '')}/panelcfg/x/${name}PanelCfg_types.gen.d.ts`;
    const custom = ['state-timeline', 'table', 'timeseries'].includes(panel.type)
      ? problems(file, 'FieldConfig', panel.fieldConfig.defaults.custom)
      : [];
    const wrong = [...problems(file, 'Options', panel.options), ...custom];
    found.push(...wrong.map((problem) => `${panel.title}: ${problem}`));
  }
  return found;
}

for (const file of process.argv.slice(2)) {
  const found = check(JSON.parse(await readFile(file, 'utf8')));
  found.forEach((problem) => console.log(`${path.basename(file)}: ${problem}`));
  if (found.length > 0) {
    process.exitCode = 1;
  }
}

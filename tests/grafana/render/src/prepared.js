// What Grafana does to frames before it draws them: transformations, units, colours, links.

import {
  applyFieldOverrides,
  dateTime,
  identityOverrideProcessor,
  Registry,
  standardTransformers,
  standardTransformersRegistry,
  transformDataFrame,
} from '@grafana/data';
import { lastValueFrom } from 'rxjs';

standardTransformersRegistry.setInit(() =>
  [standardTransformers.mergeTransformer, standardTransformers.organizeFieldsTransformer].map((transformation) => ({
    id: transformation.id,
    name: transformation.name,
    aliasIds: [],
    transformation,
  }))
);

// Grafana's server has these in its own code.
const STANDARD = ['unit', 'decimals', 'links', 'min', 'max', 'color', 'thresholds', 'mappings', 'noValue'];

function property(id, process = identityOverrideProcessor) {
  const isCustom = id.startsWith('custom.');
  return { id, path: id.replace(/^custom\./, ''), name: id, isCustom, process, shouldApply: () => true };
}

/** A display name made of labels. */
function named(name, { field }) {
  return name?.replace(/\${__field\.labels\.(\w+)}/g, (_, label) => field.labels?.[label] ?? '');
}

function properties({ fieldConfig }) {
  const keys = new Set([...Object.keys(fieldConfig.defaults.custom), 'transform']);
  const custom = [...keys].map((key) => property(`custom.${key}`));
  const standard = STANDARD.map((id) => property(id));
  return new Registry(() => [...standard, property('displayName', named), ...custom]);
}

export async function prepared(panel, frames, theme) {
  const transformed = await lastValueFrom(transformDataFrame(panel.transformations, frames));
  return applyFieldOverrides({
    data: transformed,
    fieldConfig: panel.fieldConfig,
    fieldConfigRegistry: properties(panel),
    replaceVariables: (text) => text,
    theme,
    timeZone: 'utc',
  });
}

export function timeRange(from, to) {
  const [start, end] = [dateTime(from * 1000), dateTime(to * 1000)];
  return { from: start, to: end, raw: { from: start, to: end } };
}

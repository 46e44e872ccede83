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
const properties = new Registry(() =>
  ['unit', 'decimals', 'links', 'min', 'max', 'color', 'thresholds', 'mappings', 'displayName'].map((id) => ({
    id,
    path: id,
    name: id,
    process: identityOverrideProcessor,
    shouldApply: () => true,
  }))
);

export async function prepared(panel, frames, theme) {
  const transformed = await lastValueFrom(transformDataFrame(panel.transformations, frames));
  return applyFieldOverrides({
    data: transformed,
    fieldConfig: panel.fieldConfig,
    fieldConfigRegistry: properties,
    replaceVariables: (text) => text,
    theme,
    timeZone: 'utc',
  });
}

export function timeRange(from, to) {
  const [start, end] = [dateTime(from * 1000), dateTime(to * 1000)];
  return { from: start, to: end, raw: { from: start, to: end } };
}

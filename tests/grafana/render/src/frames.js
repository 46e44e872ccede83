// Answers of Prometheus and DuckDB as Grafana's data frames, as their datasources would make them.

import { FieldType, toDataFrame } from '@grafana/data';

/** The frames of one panel: `answers` by query. */
export function frames(panel, answers) {
  const several = panel.targets.length > 1;
  return panel.targets.flatMap((target) => {
    const answer = answers[target.refId];
    if (answer.rows) {
      return [fromRows(target, answer)];
    }
    if (target.format === 'table') {
      return [fromTable(target, answer, several ? `Value #${target.refId}` : 'Value')];
    }
    return answer.result.map((series) => fromSeries(target, series));
  });
}

function number(text) {
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

function fromSeries(target, series) {
  const samples = series.values ?? [series.value];
  const { __name__, ...labels } = series.metric;
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: samples.map(([time]) => time * 1000) },
      {
        name: 'Value',
        type: FieldType.number,
        labels,
        values: samples.map(([, value]) => number(value)),
        config: { displayNameFromDS: legend(target.legendFormat, labels) },
      },
    ],
  });
}

function legend(format, labels) {
  if (format !== '__auto') {
    return format.replace(/{{\s*(\w+)\s*}}/g, (_, label) => labels[label] ?? label);
  }
  return Object.values(labels).join(' ') || undefined;
}

function fromTable(target, answer, name) {
  const labels = [...new Set(answer.result.flatMap((series) => Object.keys(series.metric)))];
  const column = (label) => ({
    name: label,
    type: FieldType.string,
    values: answer.result.map((series) => series.metric[label]),
  });
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: answer.result.map((series) => series.value[0] * 1000) },
      ...labels.map(column),
      { name, type: FieldType.number, values: answer.result.map((series) => number(series.value[1])) },
    ],
  });
}

function fromRows(target, answer) {
  const types = { time: FieldType.time, number: FieldType.number, string: FieldType.string };
  return toDataFrame({
    refId: target.refId,
    fields: answer.columns.map((column, index) => ({
      name: column.name,
      type: types[column.type],
      values: answer.rows.map((row) => row[index]),
    })),
  });
}

// A panel of each type that the dashboards use, of Grafana's components.

import { FieldType, getDisplayValueAlignmentFactors, getFieldDisplayValues, sortDataFrame, VizOrientation } from '@grafana/data';
import { BarGauge, BigValue, Table, TimeSeries, VizRepeater } from '@grafana/ui';
import React from 'react';

function values(panel, frames, theme, sparkline) {
  return getFieldDisplayValues({
    fieldConfig: panel.fieldConfig,
    reduceOptions: panel.options.reduceOptions,
    replaceVariables: (text) => text,
    theme,
    data: frames,
    sparkline,
    timeZone: 'utc',
  });
}

function Stat({ panel, frames, theme, width, height }) {
  const { options } = panel;
  const sparkline = options.graphMode === 'area';
  return (
    <VizRepeater
      getValues={() => values(panel, frames, theme, sparkline)}
      source={frames}
      width={width}
      height={height}
      orientation={VizOrientation.Auto}
      renderValue={({ value, width, height, count }) => (
        <BigValue
          value={value.display}
          count={count}
          sparkline={sparkline ? value.sparkline : undefined}
          colorMode={options.colorMode}
          graphMode={options.graphMode}
          justifyMode={options.justifyMode}
          textMode={options.textMode}
          theme={theme}
          width={width}
          height={height}
        />
      )}
    />
  );
}

function Bars({ panel, frames, theme, width, height }) {
  const { options } = panel;
  const largestFirst = () =>
    values(panel, frames, theme, false).sort((a, b) => b.display.numeric - a.display.numeric);
  return (
    <VizRepeater
      getValues={largestFirst}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      source={frames}
      width={width}
      height={height}
      itemSpacing={6}
      minVizHeight={options.minVizHeight}
      maxVizHeight={options.maxVizHeight}
      orientation={VizOrientation.Horizontal}
      renderValue={({ value, width, height, alignmentFactors }) => (
        <BarGauge
          value={value.display}
          field={value.field}
          display={value.view?.getFieldDisplayProcessor(value.colIndex ?? 0)}
          alignmentFactors={alignmentFactors}
          width={width}
          height={height}
          orientation={VizOrientation.Horizontal}
          displayMode={options.displayMode}
          showUnfilled={options.showUnfilled}
          valueDisplayMode={options.valueMode}
          namePlacement={options.namePlacement}
          theme={theme}
        />
      )}
    />
  );
}

function Cells({ panel, frames, width, height }) {
  const [frame] = frames;
  const [sorted] = panel.options.sortBy;
  const at = frame.fields.findIndex((field) => (field.config.displayName ?? field.name) === sorted?.displayName);
  return <Table data={at < 0 ? frame : sortDataFrame(frame, at, sorted.desc)} width={width} height={height} />;
}

function Lines({ panel, frames, timeRange, theme, width, height }) {
  return (
    <TimeSeries
      frames={frames}
      timeRange={timeRange}
      timeZone="utc"
      width={width}
      height={height}
      legend={panel.options.legend}
      theme={theme}
    />
  );
}

const TYPES = { stat: Stat, bargauge: Bars, table: Cells, timeseries: Lines };

/** Grafana says "No data" where there is none, and so does this. */
export function Panel(props) {
  const { panel, frames } = props;
  const Type = TYPES[panel.type];
  const isEmpty = (field) =>
    field.type === FieldType.time || field.values.every((value) => value === null || value === undefined);
  if (frames.length === 0 || frames.every((frame) => frame.fields.every(isEmpty))) {
    return <div className="no-data">No data</div>;
  }
  return <Type {...props} />;
}

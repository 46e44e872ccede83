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

/** The runs of equal values of a field. */
function runs(times, values, end) {
  const starts = values.flatMap((value, index) => (value !== null && value !== values[index - 1] ? [index] : []));
  return starts.map((index, run) => ({
    value: values[index],
    from: times[index],
    to: run + 1 < starts.length ? times[starts[run + 1]] : end,
  }));
}

/** Grafana's own component is not in its libraries: this draws the same rows. */
function States({ frames, timeRange, theme, width, height }) {
  const [start, end] = [timeRange.from.valueOf(), timeRange.to.valueOf()];
  const names = 140;
  const at = (time) => names + ((time - start) / (end - start)) * (width - names);
  const row = Math.min(60, height / frames.length);
  return (
    <svg width={width} height={height}>
      {frames.map(({ fields: [times, values] }, index) => (
        <g key={index} transform={`translate(0 ${index * row})`} fontSize={12} fill={theme.colors.text.primary}>
          <text x={0} y={row / 2 + 4}>
            {values.config.displayNameFromDS}
          </text>
          {runs(times.values, values.values, end).map(({ value, from, to }) => {
            const { text, color } = values.display(value);
            return (
              <g key={from}>
                <rect x={at(from)} y={3} width={at(to) - at(from)} height={row - 6} fill={color} fillOpacity={0.7} />
                <text x={at(from) + 6} y={row / 2 + 4}>
                  {text}
                </text>
              </g>
            );
          })}
        </g>
      ))}
    </svg>
  );
}

const TYPES = { 'state-timeline': States, stat: Stat, bargauge: Bars, table: Cells, timeseries: Lines };

/** Grafana says "No data" where there is none, and so does this. */
export function Panel(props) {
  const { panel, frames } = props;
  const Type = TYPES[panel.type];
  const isEmpty = (field) =>
    field.type === FieldType.time || field.values.every((value) => value === null || value === undefined);
  if (frames.length === 0 || frames.every((frame) => frame.fields.every(isEmpty))) {
    return <div className="no-data">{panel.fieldConfig.defaults.noValue ?? 'No data'}</div>;
  }
  return <Type {...props} />;
}

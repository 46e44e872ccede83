// A dashboard on a page, laid out as Grafana does.

import { createTheme, ThemeContext } from '@grafana/data';
import { ErrorBoundaryAlert, GlobalStyles, LinkButton, PanelChrome, PortalContainer, Text } from '@grafana/ui';
import React from 'react';
import { createRoot } from 'react-dom/client';

import { frames } from './frames.js';
import { Panel } from './panels.jsx';
import { prepared, timeRange } from './prepared.js';

// Of Grafana's grid.
const CELL = 30;
const SPACE = 8;
const WIDTH = 1600;

const theme = createTheme({ colors: { mode: 'dark' } });

function place({ x, y, w, h }) {
  const column = (WIDTH - SPACE) / 24;
  return {
    left: SPACE + x * column,
    top: y * (CELL + SPACE),
    width: w * column - SPACE,
    height: h * (CELL + SPACE) - SPACE,
  };
}

function One({ panel, data, range }) {
  const at = place(panel.gridPos);
  if (panel.type === 'row') {
    return (
      <div style={{ position: 'absolute', ...at }}>
        <Text element="h2" variant="h4">
          {panel.title}
        </Text>
      </div>
    );
  }
  return (
    <div style={{ position: 'absolute', ...at }} data-panel={panel.id}>
      <PanelChrome title={panel.title} description={panel.description} width={at.width} height={at.height}>
        {(width, height) => (
          <ErrorBoundaryAlert>
            <Panel {...{ panel, theme, width, height }} frames={data} timeRange={range} />
          </ErrorBoundaryAlert>
        )}
      </PanelChrome>
    </div>
  );
}

function Dashboard({ dashboard, data, from, to }) {
  const bottom = Math.max(...dashboard.panels.map(({ gridPos: { y, h } }) => y + h));
  const range = timeRange(from, to);
  const variables = dashboard.templating.list.filter(({ type }) => type !== 'datasource');
  const chosen = variables.map(({ label, current }) => `${label}: ${[current.text].flat().join(', ') || '-'}`);
  return (
    <div id="dashboard" style={{ width: WIDTH, padding: 0 }}>
      <div style={{ padding: SPACE, display: 'flex', alignItems: 'baseline', gap: 2 * SPACE }}>
        <Text element="h1" variant="h3">
          {dashboard.title}
        </Text>
        <Text color="secondary">{chosen.join('   ')}</Text>
      </div>
      <div style={{ position: 'relative', height: bottom * (CELL + SPACE) }}>
        {dashboard.panels.map((panel) => (
          <One key={panel.id} panel={panel} data={data[panel.id]} range={range} />
        ))}
      </div>
    </div>
  );
}

/** Draws what it is given; the promise is kept when everything has been put on the page. */
window.draw = async ({ dashboard, answers, from, to }) => {
  const panels = dashboard.panels.filter(({ type }) => type !== 'row');
  const made = panels.map(async (panel) => [panel.id, await prepared(panel, frames(panel, answers[panel.id]), theme)]);
  const data = Object.fromEntries(await Promise.all(made));
  createRoot(document.getElementById('root')).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <ErrorBoundaryAlert>
        <Dashboard {...{ dashboard, data, from, to }} />
      </ErrorBoundaryAlert>
      <PortalContainer />
    </ThemeContext.Provider>
  );
};

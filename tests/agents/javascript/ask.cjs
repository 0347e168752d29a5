// Asks a program by each method of the library prometheus-query and prints one JSON text.
const { PrometheusDriver } = require("prometheus-query");

const [endpoint, tenant] = process.argv.slice(2);
// Of its own accord it waits for ten seconds, which a busy machine may need for the first answer.
const client = new PrometheusDriver({
  endpoint,
  headers: { "X-Scope-OrgID": tenant },
  timeout: 240_000,
});
const start = new Date(0), end = new Date(90_000);

const shown = (serie) => ({
  name: serie.metric.name,
  labels: serie.metric.labels,
  value: serie.value && [serie.value.time.getTime(), serie.value.value],
  values: serie.values && serie.values.map(({ time, value }) => [time.getTime(), value]),
});

async function main() {
  const instant = await client.instantQuery("up", new Date(50_000));
  const range = await client.rangeQuery("sum(up)", start, end, 30);
  const refused = await client.instantQuery("sum(").then(() => null, ({ error, message }) => error || message);
  return {
    instant: [instant.resultType, instant.result.map(shown)],
    range: [range.resultType, range.result.map(shown)],
    series: (await client.series(["up"], start, end)).map(({ name, labels }) => ({ name, labels })),
    names: await client.labelNames(),
    values: await client.labelValues("job"),
    targets: await client.targets(),
    rules: await client.rules(),
    alerts: await client.alerts(),
    managers: await client.alertmanagers(),
    metadata: await client.metadata(),
    status: [await client.statusBuildinfo(), await client.statusFlags()].map((each) => typeof each),
    refused,
  };
}

main().then(
  (found) => console.log(JSON.stringify(found)),
  (error) => { console.error(error); process.exit(1); },
);

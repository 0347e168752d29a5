// Holds objects of Prometheus' operator, a JSON list on standard input, against its own schemas, and
// writes what is wrong with them as a JSON list of texts.
import fs from "node:fs";
import * as kinds from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";

const wrong = [];
for (const one of JSON.parse(fs.readFileSync(0))) {
  try {
    new kinds[one.kind](one).validate();
  } catch (error) {
    wrong.push(`${one.kind} ${one.metadata.name}: ${error.message}`);
  }
}
process.stdout.write(JSON.stringify(wrong));

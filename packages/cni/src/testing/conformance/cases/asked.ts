import type { JsonObject } from "@kx/core/contracts/cni";
import { notApplicable } from "@kx/core/testing";
import { fail } from "../failure.ts";
import type { ConformanceOptions } from "../options.ts";
import { type RequestedField, type RequestPlace, requestIn } from "../requested.ts";
import { resultOf, type Scope } from "../scope.ts";
import type { ConformanceCase } from "./case.ts";

const places = ["runtimeConfig", "args.cni", "CNI_ARGS"] as const satisfies readonly RequestPlace[];

/** Asks for values in some places at once, and wants that of the first. */
async function asks(scope: Scope, field: RequestedField, asked: readonly RequestPlace[]): Promise<void> {
  const requests = asked.map((place, index) => requestIn(field, place, field.values[index]));
  const config = requests.reduce<JsonObject>((all, request) => ({ ...all, ...request.config }), {});
  const args = requests.find((request) => request.args !== undefined)?.args;
  const pod = await scope.pod();
  const printed = await scope.add(pod, { config, ...(args === undefined ? {} : { env: { CNI_ARGS: args } }) });
  const result = await resultOf(printed);
  if (field.isIn(result, field.values[0])) return;
  fail(`${JSON.stringify(field.values[0])} was asked for by ${asked[0]}, and ADD gave ${JSON.stringify(printed)}`);
}

function casesOf(field: RequestedField): readonly ConformanceCase[] {
  const read = places.filter((place) => field.places?.includes(place) ?? true);
  const each = read.map(
    (place): ConformanceCase => ({
      id: `P19.${field.key}.${place}`,
      title: `${field.key} may be asked for by ${place}`,
      run: (scope) => asks(scope, field, [place]),
    }),
  );
  return [
    ...each,
    {
      id: `P19.${field.key}.precedence`,
      title: `of several places that ask for ${field.key}, the first counts: ${read.join(", ")}`,
      async run(scope) {
        if (read.length < 2) notApplicable(`it may be asked for by ${read.join()} alone`);
        await asks(scope, field, read);
        if (read.length > 2) await asks(scope, field, read.slice(1));
      },
    },
  ];
}

/** P19, with cases for each field that the options tell. */
export function requestedCases({ requested = [] }: Pick<ConformanceOptions, "requested">): readonly ConformanceCase[] {
  if (requested.length > 0) return requested.flatMap(casesOf);
  const run = async () => notApplicable("the option `requested` is not given: what may be asked for");
  return [{ id: "P19.requested", title: "what is asked for is given", run }];
}

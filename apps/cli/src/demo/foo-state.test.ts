import type { Deployment } from "@kx/controllers/api/apps-v1";
import type { Pod } from "@kx/controllers/api/core-v1";
import type { Foo } from "@kx/controllers/foo";
import { describe, expect, it } from "vitest";
import { type FooState, fooTable, missingOf } from "./foo-state.ts";

const created = "2026-01-01T00:00:00Z";
const foo: Foo = {
  apiVersion: "samplecontroller.k8s.io/v1alpha1",
  kind: "Foo",
  metadata: { name: "example-foo", creationTimestamp: created },
  spec: { deploymentName: "example-foo", replicas: 1 },
  status: { availableReplicas: 1 },
};
const deployment = {
  metadata: { name: "example-foo", creationTimestamp: created },
  spec: { replicas: 1 },
  status: { readyReplicas: 1 },
} as Deployment;
const pod: Pod = {
  metadata: { name: "example-foo-1", creationTimestamp: created },
  spec: { nodeName: "node-1", containers: [{ name: "nginx", image: "nginx:latest" }] },
  status: {
    phase: "Running",
    containerStatuses: [{ name: "nginx", ready: true, image: "", imageID: "", restartCount: 0, state: {} }],
  },
};
const whole: FooState = { foo, deployment, pods: [pod] };

describe("missingOf", () => {
  it("is undefined once all is there", () => {
    expect(missingOf(whole)).toBeUndefined();
  });

  it.each<[string, FooState]>([
    ["the controller has not made the Deployment", { foo, pods: [] }],
    ["the Deployment is not yet asked for 2 pods", { ...whole, foo: { ...foo, spec: { ...foo.spec, replicas: 2 } } }],
    ["there are 0 pods, not 1", { ...whole, pods: [] }],
    ["the pod example-foo-1 is Pending", { ...whole, pods: [{ ...pod, status: { phase: "Pending" } }] }],
    [
      "the pod example-foo-1 is ErrImagePull",
      {
        ...whole,
        pods: [
          {
            ...pod,
            status: {
              phase: "Pending",
              containerStatuses: [
                {
                  name: "nginx",
                  ready: false,
                  image: "",
                  imageID: "",
                  restartCount: 0,
                  state: { waiting: { reason: "ErrImagePull" } },
                },
              ],
            },
          },
        ],
      },
    ],
    ["the Foo's status tells of 0 available replicas, not 1", { ...whole, foo: { ...foo, status: {} } }],
  ])("says: %s", (text, state) => {
    expect(missingOf(state)).toBe(text);
  });
});

describe("fooTable", () => {
  it("shows the Foo, its Deployment and their pods as a tree", () => {
    expect(fooTable(whole, Date.parse(created) + 5000)).toBe(
      [
        "OBJECT                     READY   STATUS    NODE     IMAGE          AGE",
        "foo/example-foo            1/1                                       5s",
        "└ deployment/example-foo   1/1                                       5s",
        "  └ pod/example-foo-1      1/1     Running   node-1   nginx:latest   5s",
      ].join("\n"),
    );
  });
});

import { describe, expect, it } from "vitest";
import { deploymentFor, planSync } from "./plan.ts";

const foo = (replicas: number | undefined, deploymentName = "test-deployment") => ({
  metadata: {
    name: "test",
    namespace: "default",
    uid: "foo-uid",
    resourceVersion: "1",
    creationTimestamp: "2026-01-01T00:00:00Z",
  },
  spec: { deploymentName, ...(replicas === undefined ? {} : { replicas }) },
});

const finish = [{ do: "update-status" }, { do: "report-synced" }];

describe("planSync", () => {
  it("creates the Deployment", () => {
    const labels = { app: "nginx", controller: "test" };
    const deployment = {
      metadata: {
        name: "test-deployment",
        namespace: "default",
        ownerReferences: [
          {
            apiVersion: "samplecontroller.k8s.io/v1alpha1",
            kind: "Foo",
            name: "test",
            uid: "foo-uid",
            controller: true,
            blockOwnerDeletion: true,
          },
        ],
      },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { containers: [{ name: "nginx", image: "nginx:latest" }] },
        },
      },
    };
    expect(planSync(foo(1), undefined)).toEqual([{ do: "create-deployment", deployment }, ...finish]);
  });

  it("leaves a Deployment alone that is as it should be", () => {
    expect(planSync(foo(1), deploymentFor(foo(1)))).toEqual(finish);
  });

  it("replaces a Deployment with other replicas", () => {
    expect(planSync(foo(2), deploymentFor(foo(1)))).toEqual([
      { do: "replace-deployment", deployment: deploymentFor(foo(2)) },
      ...finish,
    ]);
  });

  it("refuses a Deployment that it does not control", () => {
    const other = deploymentFor(foo(1));
    other.metadata.ownerReferences = [];
    const message = 'Resource "test-deployment" already exists and is not managed by Foo';
    expect(planSync(foo(1), other)).toEqual([{ do: "refuse-deployment", message }]);
  });

  it("refuses the Deployment of an earlier Foo of the same name", () => {
    const earlier = { ...foo(1), metadata: { ...foo(1).metadata, uid: "earlier" } };
    expect(planSync(foo(1), deploymentFor(earlier))).toMatchObject([{ do: "refuse-deployment" }]);
  });

  it("leaves the replicas to others when the Foo names none", () => {
    expect(planSync(foo(undefined), deploymentFor(foo(7)))).toEqual(finish);
    expect(deploymentFor(foo(undefined)).spec).not.toHaveProperty("replicas");
  });

  it("ignores a Foo without a deployment name", () => {
    expect(planSync(foo(1, ""), undefined)).toEqual([{ do: "ignore", why: "deployment name missing" }]);
  });

  it("puts its labels on a given pod template", () => {
    const template = { metadata: { labels: { app: "mine", tier: "web" } }, spec: { containers: [{ name: "c" }] } };
    expect(deploymentFor(foo(1), template).spec.template).toEqual({
      metadata: { labels: { app: "nginx", controller: "test", tier: "web" } },
      spec: { containers: [{ name: "c" }] },
    });
  });
});

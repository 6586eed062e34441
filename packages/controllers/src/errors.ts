import type { ErrorCatalogue } from "@kx/core";

/** Every error code that @kx/controllers throws. */
export const controllersErrors = {
  KX_TRANSPORT_CONNECT: {
    meaning: "No connection to the API server could be made.",
    remedy: "Check that the server runs, and the address, CA and client certificate in the kubeconfig.",
  },
  KX_TRANSPORT_LOST: {
    meaning: "The connection to the API server broke while an answer was awaited.",
    remedy: "Try again; a change may or may not have been made.",
  },
  KX_TRANSPORT_CLOSED: {
    meaning: "The client was used after it had been disposed.",
    remedy: "Dispose a client only after its last call.",
  },
  KX_TRANSPORT_LINE_TOO_LONG: {
    meaning: "A watch sent a line longer than the limit.",
    remedy: "Check that the address is that of an API server.",
  },
  KX_WATCH_GARBAGE: {
    meaning: "A line of a watch was not a watch event.",
    remedy: "Check for a proxy between here and the API server.",
  },
  KX_API_ANSWER: {
    meaning: "The API server answered something that is not JSON.",
    remedy: "Check that the address is that of an API server, and not a proxy's.",
  },
  KX_API_BAD_REQUEST: { meaning: "The API server could not read the request (400).", remedy: "Correct the object." },
  KX_API_UNAUTHORIZED: {
    meaning: "The API server does not know who asks (401).",
    remedy: "Renew the credentials of the kubeconfig.",
  },
  KX_API_FORBIDDEN: {
    meaning: "The API server or an admission plug-in forbids the request (403).",
    remedy: "Grant the verb by RBAC; `kubectl auth can-i` shows what is granted.",
  },
  KX_API_NOT_FOUND: {
    meaning: "The object or its resource does not exist (404).",
    remedy: "Check name and namespace; for a custom resource, that its CRD is installed.",
  },
  KX_API_METHOD_NOT_ALLOWED: {
    meaning: "The resource does not support the verb (405).",
    remedy: "See what `kubectl api-resources -o wide` lists.",
  },
  KX_API_CONFLICT: {
    meaning: "The object has changed since it was read, or another field manager owns a field (409).",
    remedy: "Read the object again and repeat the change.",
  },
  KX_API_ALREADY_EXISTS: { meaning: "An object of this name exists (409).", remedy: "Update it, or choose a name." },
  KX_API_GONE: {
    meaning: "The resource version or the page asked for is too old (410).",
    remedy: "List again.",
  },
  KX_API_INVALID: {
    meaning: "The object breaks a rule of its type (422).",
    remedy: "Correct the fields named in the message.",
  },
  KX_API_TOO_MANY_REQUESTS: {
    meaning: "The API server is overloaded and refused the request several times (429).",
    remedy: "Try again later, or lower the rate.",
  },
  KX_API_UNAVAILABLE: { meaning: "The API server failed (5xx).", remedy: "Try again; read the server's log." },
  KX_API_REJECTED: { meaning: "The API server refused the request.", remedy: "Read the message." },
  KX_KUBECONFIG_NOT_FOUND: {
    meaning: "There is no kubeconfig to load.",
    remedy: "Give a path, set KUBECONFIG, or run in a pod with a service account.",
  },
  KX_KUBECONFIG_INVALID: {
    meaning: "A kubeconfig, or a file that it names, cannot be read or lacks a field.",
    remedy: "Correct the field named in the message.",
  },
  KX_KUBECONFIG_EXPIRED: {
    meaning: "The client certificate in a kubeconfig has expired.",
    remedy: "Put a new one into the file; a running client reads it again by itself.",
  },
  KX_KUBECONFIG_UNSUPPORTED: {
    meaning: "A kubeconfig uses something that kx does not support.",
    remedy: "Use another way to authenticate, or another route to the server.",
  },
  KX_CACHE_UNWATCHED: {
    meaning: "The cache was asked for a resource that it does not watch.",
    remedy: "Name the resource in `for` or `owns`, or read it with the client.",
  },
  KX_CACHE_NO_INDEX: {
    meaning: "The cache was asked for an index that was not made.",
    remedy: "Name it in `indexes`, or make it with `informer.index`.",
  },
  KX_LEADER_LOST: {
    meaning: "This replica no longer holds the lease, so it may make no changes.",
    remedy: "Nothing, if another replica leads now. Else look for why the API server could not be reached in time.",
  },
  KX_LEADER_TIMES: {
    meaning: "The times of a leader election would allow two leaders, or none.",
    remedy: "Leave them out, or keep leaseDurationMs above renewDeadlineMs above 1.2 times retryPeriodMs.",
  },
  KX_RESOURCE_INVALID: {
    meaning: "defineResource got a definition that cannot work.",
    remedy: "Correct the field named in the message.",
  },
  KX_CONTROLLER_INVALID: {
    meaning: "defineController got a definition that cannot work.",
    remedy: "Correct the field named in the message.",
  },
  KX_CONTROLLER_RESULT: {
    meaning: "A reconcile returned something that is no result.",
    remedy: "Return done, requeue() or requeueAfter(ms).",
  },
  KX_CONTROLLER_TERMINAL: {
    meaning: "A reconcile failed in a way that trying again does not help.",
    remedy: "Read the message, and change the object.",
  },
  KX_CONTROLLER_TIMEOUT: {
    meaning: "A reconcile took longer than the controller's reconcileTimeoutMs.",
    remedy: "Find out what it waited for, or allow more time.",
  },
  KX_CONTROLLER_ORDER: {
    meaning: "A controller's worker was started before its cache.",
    remedy: "Start the parts of an extension group by group, as runHost does.",
  },
  KX_FOO_RESOURCE_EXISTS: {
    meaning: "A Deployment of the name that a Foo asks for exists and belongs to something else.",
    remedy: "Give the Foo another deploymentName, or delete the Deployment.",
  },
  KX_TESTING_TIMEOUT: {
    meaning: "A condition did not come true in time.",
    remedy: "The message shows the last state seen.",
  },
} as const satisfies ErrorCatalogue;

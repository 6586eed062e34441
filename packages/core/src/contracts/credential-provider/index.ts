// The kubelet's image credential providers, v1.
export {
  type CredentialProviderConfig,
  type CredentialProviderEntry,
  credentialProviderConfig,
  type TokenAttributes,
} from "./config.ts";
export {
  type CacheKeyType,
  type CredentialProviderRequest,
  type CredentialProviderResponse,
  credentialProviderApi,
  credentialProviderRequest,
  credentialProviderResponse,
  type RegistryAuth,
} from "./exchange.ts";

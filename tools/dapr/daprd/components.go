package main

import (
	"github.com/dapr/components-contrib/conversation/echo"
	"github.com/dapr/components-contrib/conversation/openai"
	"github.com/dapr/components-contrib/nameresolution/mdns"
	"github.com/dapr/components-contrib/secretstores/azure/keyvault"
	"github.com/dapr/components-contrib/secretstores/local/env"
	"github.com/dapr/components-contrib/secretstores/local/file"
	"github.com/dapr/components-contrib/state/azure/cosmosdb"
	"github.com/dapr/components-contrib/state/redis"

	"github.com/dapr/dapr/pkg/components/bindings"
	"github.com/dapr/dapr/pkg/components/configuration"
	"github.com/dapr/dapr/pkg/components/conversation"
	"github.com/dapr/dapr/pkg/components/crypto"
	"github.com/dapr/dapr/pkg/components/lock"
	"github.com/dapr/dapr/pkg/components/middleware/http"
	"github.com/dapr/dapr/pkg/components/nameresolution"
	"github.com/dapr/dapr/pkg/components/pubsub"
	"github.com/dapr/dapr/pkg/components/secretstores"
	"github.com/dapr/dapr/pkg/components/state"
	"github.com/dapr/dapr/pkg/runtime/registry"
	"github.com/dapr/kit/logger"
)

// registerComponents adds the components that rtvoice's own files under
// components/ name, and no others: the full set does not build from the module
// proxy, because some of its modules are not served there.
func registerComponents() {
	state.DefaultRegistry.RegisterComponent(redis.NewRedisStateStore, "redis")
	state.DefaultRegistry.RegisterComponent(cosmosdb.NewCosmosDBStateStore, "azure.cosmosdb")

	secretstores.DefaultRegistry.RegisterComponent(env.NewEnvSecretStore, "local.env")
	secretstores.DefaultRegistry.RegisterComponent(file.NewLocalSecretStore, "local.file")
	secretstores.DefaultRegistry.RegisterComponent(keyvault.NewAzureKeyvaultSecretStore, "azure.keyvault")

	conversation.DefaultRegistry.RegisterComponent(echo.NewEcho, "echo")
	conversation.DefaultRegistry.RegisterComponent(openai.NewOpenAI, "openai")

	nameresolution.DefaultRegistry.RegisterComponent(mdns.NewResolver, "mdns")
}

// componentRegistry hands the runtime every registry, also those left empty
// (it asks all of them), each logging under the name that daprd uses.
func componentRegistry(log logger.Logger) *registry.Options {
	state.DefaultRegistry.Logger = log
	secretstores.DefaultRegistry.Logger = log
	conversation.DefaultRegistry.Logger = log
	nameresolution.DefaultRegistry.Logger = log

	return registry.NewOptions().
		WithStateStores(state.DefaultRegistry).
		WithSecretStores(secretstores.DefaultRegistry).
		WithConversations(conversation.DefaultRegistry).
		WithNameResolutions(nameresolution.DefaultRegistry).
		WithConfigurations(configuration.DefaultRegistry).
		WithLocks(lock.DefaultRegistry).
		WithPubSubs(pubsub.DefaultRegistry).
		WithBindings(bindings.DefaultRegistry).
		WithCryptoProviders(crypto.DefaultRegistry).
		WithHTTPMiddlewares(http.DefaultRegistry)
}

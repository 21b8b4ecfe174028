// Command daprd is the Dapr sidecar with the components that rtvoice uses.
//
// It is Dapr's own runtime behind Dapr's own flags; only the list of components
// is chosen here (components.go).
package main

import (
	"context"
	"fmt"
	"os"

	"go.opencensus.io/stats/view"

	"github.com/dapr/dapr/cmd/daprd/options"
	"github.com/dapr/dapr/pkg/buildinfo"
	"github.com/dapr/dapr/pkg/healthz"
	"github.com/dapr/dapr/pkg/metrics"
	"github.com/dapr/dapr/pkg/modes"
	"github.com/dapr/dapr/pkg/runtime"
	"github.com/dapr/dapr/pkg/security"
	"github.com/dapr/kit/concurrency"
	"github.com/dapr/kit/logger"
	"github.com/dapr/kit/signals"
)

var log = logger.NewLogger("dapr.runtime")

func main() {
	opts, err := options.New(os.Args[1:])
	if err != nil {
		log.Fatalf("flags: %v", err)
	}
	if opts.RuntimeVersion {
		fmt.Println(buildinfo.Version())
		return
	}

	opts.Logger.SetAppID(opts.AppID)
	if err := logger.ApplyOptionsToLoggers(&opts.Logger); err != nil {
		log.Fatalf("logger: %v", err)
	}
	log.Infof("Starting Dapr Runtime -- version %s -- rtvoice's component list", buildinfo.Version())

	registerComponents()
	if err := run(signals.Context(), opts); err != nil {
		log.Fatalf("runtime: %v", err)
	}
	log.Info("Daprd shutdown gracefully")
}

// run holds the sidecar until ctx ends or one of its parts fails.
func run(ctx context.Context, opts *options.Options) error {
	health := healthz.New()
	provider, err := security.New(ctx, security.Options{
		SentryAddress:           opts.SentryAddress,
		ControlPlaneTrustDomain: opts.ControlPlaneTrustDomain,
		ControlPlaneNamespace:   opts.ControlPlaneNamespace,
		TrustAnchors:            opts.TrustAnchors,
		AppID:                   opts.AppID,
		MTLSEnabled:             opts.EnableMTLS,
		Mode:                    modes.DaprMode(opts.Mode),
		Healthz:                 health,
		JwtAudiences:            opts.SentryRequestJwtAudiences,
	})
	if err != nil {
		return err
	}

	return concurrency.NewRunnerManager(provider.Run, func(ctx context.Context) error {
		handler, err := provider.Handler(ctx)
		if err != nil {
			return err
		}
		rt, err := runtime.FromConfig(ctx, config(opts, handler, health))
		if err != nil {
			return err
		}
		return rt.Run(ctx)
	}).Run(ctx)
}

// config carries every flag over to the runtime.
func config(opts *options.Options, handler security.Handler, health healthz.Healthz) *runtime.Config {
	return &runtime.Config{
		AppID: opts.AppID,

		// The app behind the sidecar.
		AppChannelAddress:        opts.AppChannelAddress,
		ApplicationPort:          opts.AppPort,
		AppProtocol:              opts.AppProtocol,
		AppSSL:                   opts.AppSSL,
		AppMaxConcurrency:        opts.AppMaxConcurrency,
		AppBindingOptionsTimeout: opts.AppBindingOptionsTimeout,
		EnableAppHealthCheck:     opts.EnableAppHealthCheck,
		AppHealthCheckPath:       opts.AppHealthCheckPath,
		AppHealthProbeInterval:   opts.AppHealthProbeInterval,
		AppHealthProbeTimeout:    opts.AppHealthProbeTimeout,
		AppHealthThreshold:       opts.AppHealthThreshold,
		DisableInitEndpoints:     opts.DisableInitEndpoints,

		// The sidecar's own servers.
		DaprHTTPPort:                  opts.DaprHTTPPort,
		DaprAPIGRPCPort:               opts.DaprAPIGRPCPort,
		DaprAPIListenAddresses:        opts.DaprAPIListenAddresses,
		DaprInternalGRPCPort:          opts.DaprInternalGRPCPort,
		DaprInternalGRPCListenAddress: opts.DaprInternalGRPCListenAddress,
		DaprPublicPort:                opts.DaprPublicPort,
		DaprPublicListenAddress:       opts.DaprPublicListenAddress,
		UnixDomainSocket:              opts.UnixDomainSocket,
		AllowedOrigins:                opts.AllowedOrigins,
		MaxRequestSize:                opts.MaxRequestSize,
		ReadBufferSize:                opts.ReadBufferSize,
		EnableAPILogging:              opts.EnableAPILogging,
		EnableProfiling:               opts.EnableProfiling,
		ProfilePort:                   opts.ProfilePort,
		DaprGracefulShutdownSeconds:   opts.DaprGracefulShutdownSeconds,
		DaprBlockShutdownDuration:     opts.DaprBlockShutdownDuration,

		// The control plane.
		ActorsService:              opts.ActorsService,
		ActorsDisseminationTimeout: opts.ActorsDisseminationTimeout,
		RemindersService:           opts.RemindersService,
		SchedulerAddress:           opts.SchedulerAddress,
		SchedulerStreams:           opts.SchedulerJobStreams,
		ControlPlaneAddress:        opts.ControlPlaneAddress,
		SentryAddress:              opts.SentryAddress,
		EnableMTLS:                 opts.EnableMTLS,
		Mode:                       opts.Mode,

		// Resources and where they come from.
		Config:                       opts.Config,
		ResourcesPath:                opts.ResourcesPath,
		ComponentsPath:               opts.ComponentsPath,
		DisableBuiltinK8sSecretStore: opts.DisableBuiltinK8sSecretStore,
		Registry:                     componentRegistry(logger.NewLogger("dapr.contrib")),

		Security: handler,
		Healthz:  health,
		Metrics: metrics.Options{
			Enabled:       opts.Metrics.Enabled(),
			Log:           log,
			Port:          opts.Metrics.Port(),
			Namespace:     metrics.DefaultMetricNamespace,
			Healthz:       health,
			ListenAddress: opts.Metrics.ListenAddress(),
			Meter:         view.NewMeter(),
		},
	}
}

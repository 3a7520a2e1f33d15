{{- define "ringback.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* Names of what the chart makes begin with it; the longest ending is 11 characters. */}}
{{- define "ringback.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "ringback.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "ringback.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* What selects all processes of this release: the pods that only migrate have another name. */}}
{{- define "ringback.selector" -}}
app.kubernetes.io/name: {{ include "ringback.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "ringback.labels" -}}
{{ include "ringback.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
{{- end }}

{{- define "ringback.image" -}}
{{- with .Values.image }}
{{- if .digest }}
{{- printf "%s@%s" .repository .digest }}
{{- else }}
{{- printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) }}
{{- end }}
{{- end }}
{{- end }}

{{/* The Deployments: the value that each is described by, and its RINGBACK_ROLE. */}}
{{- define "ringback.roles" -}}
{{- $gateway := not (empty .Values.gateway.upstream) }}
{{- $own := and $gateway (not .Values.gateway.embedded) }}
{{- $embedded := and $gateway .Values.gateway.embedded }}
{{- if .Values.split }}
api: {{ $embedded | ternary "api,gateway" "api" }}
worker: worker
{{- else }}
single: {{ $own | ternary "api,worker" "all" }}
{{- end }}
{{- if $own }}
gateway: gateway
{{- end }}
{{- end }}

{{/* The Deployment that serves the API, that has the workers, that is the gateway. */}}
{{- define "ringback.api" -}}
{{ .Values.split | ternary "api" "single" }}
{{- end }}
{{- define "ringback.worker" -}}
{{ .Values.split | ternary "worker" "single" }}
{{- end }}
{{- define "ringback.gateway" -}}
{{- if .Values.gateway.embedded }}{{ include "ringback.api" . }}{{ else }}gateway{{ end }}
{{- end }}

{{/* The name of a Deployment: (list $ "api"). */}}
{{- define "ringback.deployment" -}}
{{- $root := index . 0 }}
{{- $name := index . 1 }}
{{- include "ringback.fullname" $root }}{{ if ne $name "single" }}-{{ $name }}{{ end }}
{{- end }}

{{/* What holds for a Deployment, as YAML: (list $ "api"). */}}
{{- define "ringback.values" -}}
{{- $root := index . 0 }}
{{- mergeOverwrite (deepCopy $root.Values.defaults) (deepCopy (index $root.Values (index . 1))) | toYaml }}
{{- end }}

{{- define "ringback.secret" -}}
{{ .Values.existingSecret | default (include "ringback.fullname" .) }}
{{- end }}

{{- define "ringback.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- .Values.serviceAccount.name | default (include "ringback.fullname" .) }}
{{- else }}
{{- .Values.serviceAccount.name | default "default" }}
{{- end }}
{{- end }}

{{- define "ringback.claim" -}}
{{ .Values.files.persistence.existingClaim | default (printf "%s-files" (include "ringback.fullname" .)) }}
{{- end }}

{{/* Whether files are on a volume, and whether several pods may have it. */}}
{{- define "ringback.onVolume" -}}
{{- if not .Values.files.url }}true{{ end }}
{{- end }}
{{- define "ringback.sharesFiles" -}}
{{- if or .Values.files.url (eq .Values.files.persistence.accessMode "ReadWriteMany") }}true{{ end }}
{{- end }}

{{/* As a URL by http has it. */}}
{{- define "ringback.port" -}}
{{- if ne (int .) 80 }}:{{ int . }}{{ end }}
{{- end }}

{{- define "ringback.publicUrl" -}}
{{- if .Values.publicUrl }}
{{- .Values.publicUrl }}
{{- else if .Values.ingress.enabled }}
{{- printf "%s://%s" (empty .Values.ingress.tlsSecret | ternary "http" "https") .Values.ingress.host }}
{{- else if .Values.httpRoute.enabled }}
{{- printf "https://%s" .Values.httpRoute.host }}
{{- else }}
{{- printf "http://%s.%s.svc%s" (include "ringback.fullname" .) .Release.Namespace (include "ringback.port" .Values.service.port) }}
{{- end }}
{{- end }}

{{- define "ringback.gatewayUrl" -}}
{{- if .Values.gateway.publicUrl }}
{{- .Values.gateway.publicUrl }}
{{- else if and .Values.ingress.enabled .Values.ingress.gatewayHost }}
{{- printf "%s://%s" (empty .Values.ingress.gatewayTlsSecret | ternary "http" "https") .Values.ingress.gatewayHost }}
{{- else if and .Values.httpRoute.enabled .Values.httpRoute.gatewayHost }}
{{- printf "https://%s" .Values.httpRoute.gatewayHost }}
{{- else }}
{{- printf "http://%s-gateway.%s.svc%s" (include "ringback.fullname" .) .Release.Namespace (include "ringback.port" .Values.service.gatewayPort) }}
{{- end }}
{{- end }}

{{/* A number or text as the environment has it: Helm reads every number as a float, which large ones show. */}}
{{- define "ringback.text" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) }}{{ printf "%.0f" . }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{/* Variables from a map of them. */}}
{{- define "ringback.env" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  value: {{ include "ringback.text" $value | quote }}
{{- end }}
{{- end }}

{{/* The settings of a Deployment, as YAML: (list $ "api" "api,gateway"). What values name goes before. */}}
{{- define "ringback.settings" -}}
{{- $root := index . 0 }}
{{- $name := index . 1 }}
{{- with $root.Values }}
{{- $settings := dict "NODE_ENV" "production" "PORT" "8080" "RINGBACK_DATA_DIR" "/var/lib/ringback" "RINGBACK_ROLE" (index $ 2) }}
{{- $_ := set $settings "RINGBACK_PUBLIC_URL" (include "ringback.publicUrl" $root) }}
{{- $_ := set $settings "RINGBACK_DRAIN_S" .drainSeconds }}
{{- $_ := set $settings "RINGBACK_SHUTDOWN_GRACE_S" .shutdownGraceSeconds }}
{{- if .migrate.enabled }}
{{- $_ := set $settings "RINGBACK_MIGRATE" "false" }}
{{- end }}
{{- if .files.url }}
{{- $_ := set $settings "RINGBACK_FILES_URL" .files.url }}
{{- end }}
{{- if .gateway.upstream }}
{{- $_ := set $settings "RINGBACK_UPSTREAM" .gateway.upstream }}
{{- $_ := set $settings "RINGBACK_GATEWAY_PORT" "8081" }}
{{- $_ := set $settings "RINGBACK_GATEWAY_PUBLIC_URL" (include "ringback.gatewayUrl" $root) }}
{{- end }}
{{- /* Behind a proxy all connections come from its addresses. */}}
{{- if or .ingress.enabled .httpRoute.enabled }}
{{- $_ := set $settings "RINGBACK_CONNECTIONS_PER_ADDRESS" "10000" }}
{{- end }}
{{- $own := index . $name }}
{{- mergeOverwrite $settings (deepCopy .settings) (deepCopy (.defaults.settings | default dict)) (deepCopy ($own.settings | default dict)) | toYaml }}
{{- end }}
{{- end }}

{{/* Seconds until a pod that was told to end is killed: more than it needs. (list $ <its values>) */}}
{{- define "ringback.graceSeconds" -}}
{{- $root := index . 0 }}
{{- $needed := add $root.Values.drainSeconds $root.Values.shutdownGraceSeconds 5 | int }}
{{- $given := (index . 1).terminationGracePeriodSeconds }}
{{- if kindIs "invalid" $given }}
{{- add $needed 10 }}
{{- else if lt (int $given) $needed }}
{{- fail (printf "terminationGracePeriodSeconds (%d) must be at least drainSeconds + shutdownGraceSeconds + 5 (%d): a pod that is killed before leaves its work to be found when the lease runs out" (int $given) $needed) }}
{{- else }}
{{- int $given }}
{{- end }}
{{- end }}

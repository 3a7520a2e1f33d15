{{/* Refuses values that would install something that can't work, with what to give instead. */}}
{{- define "ringback.checks" -}}
{{- include "ringback.checks.secrets" . }}
{{- include "ringback.checks.files" . }}
{{- include "ringback.checks.routes" . }}
{{- if and .Values.keda.enabled (not .Values.keda.serverAddress) }}
{{- fail "keda.serverAddress is missing: give the Prometheus that has the metrics, http://prometheus.monitoring.svc:9090" }}
{{- end }}
{{- end }}

{{- define "ringback.checks.secrets" -}}
{{- if and .Values.existingSecret .Values.secrets }}
{{- fail "existingSecret and secrets are both given: leave one out" }}
{{- end }}
{{- if not .Values.existingSecret }}
{{- $how := dict "DATABASE_URL" "postgres://USER:PASSWORD@HOST:5432/DATABASE, of PostgreSQL 14 or newer" "RINGBACK_SECRET_KEYS" "k1:$(openssl rand -base64 32), and keep it: without it, stored signing secrets can't be read" }}
{{- range $name, $value := $how }}
{{- if not (index $.Values.secrets $name) }}
{{- fail (printf "%s is missing: name a Secret that has it (existingSecret), or give secrets.%s: %s" $name $name $value) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "ringback.checks.files" -}}
{{- if not (include "ringback.sharesFiles" .) }}
{{- $remedy := "set files.url to a bucket (s3://BUCKET/PREFIX), or files.persistence.accessMode to ReadWriteMany" }}
{{- if gt (len (include "ringback.roles" . | fromYaml)) 1 }}
{{- fail (printf "the processes of several Deployments must reach the same files, and a volume with %s is one pod's: %s" .Values.files.persistence.accessMode $remedy) }}
{{- end }}
{{- $single := include "ringback.values" (list . "single") | fromYaml }}
{{- if or .Values.keda.enabled $single.autoscaling.enabled (gt (int $single.replicas) 1) }}
{{- fail (printf "several pods must reach the same files, and a volume with %s is one pod's: %s" .Values.files.persistence.accessMode $remedy) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "ringback.checks.routes" -}}
{{- range $kind := list "ingress" "httpRoute" }}
{{- $route := index $.Values $kind }}
{{- if $route.enabled }}
{{- if not $route.host }}
{{- fail (printf "%s.host is missing: give the name by which callers reach Ringback" $kind) }}
{{- end }}
{{- if and $route.gatewayHost (not $.Values.gateway.upstream) }}
{{- fail (printf "%s.gatewayHost is given, and there is no gateway: give gateway.upstream, too" $kind) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
{{- fail "httpRoute.parentRefs is missing: name the Gateway that the route is for" }}
{{- end }}
{{- end }}

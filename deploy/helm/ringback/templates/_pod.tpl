{{/* What any pod has. No token: nothing asks the cluster. No variables of Services: those of one that is called ringback look like settings. */}}
{{- define "ringback.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What any container has. */}}
{{- define "ringback.container" -}}
image: {{ include "ringback.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- with .Values.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The folders that are written, where the rest is read-only, and what values add: (list <values of the Deployment> <what the data folder is>). */}}
{{- define "ringback.volumes" -}}
- name: data
  {{- index . 1 | nindent 2 }}
- name: tmp
  emptyDir: {}
{{- with (index . 0).extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "ringback.mounts" -}}
- name: data
  mountPath: /var/lib/ringback
- name: tmp
  mountPath: /tmp
{{- with .extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Over nodes and zones, as far as that can be had: (list $ "api"). */}}
{{- define "ringback.spread" -}}
{{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
- maxSkew: 1
  topologyKey: {{ $key }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "ringback.selector" (index $ 0) | nindent 6 }}
      app.kubernetes.io/component: {{ index $ 1 }}
{{- end }}
{{- end }}

{{/* Names, labels and what several templates compute. What values must not say together stands in _refuse.tpl. */}}

{{- define "millrace.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "millrace.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "millrace.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "millrace.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Of the server on its own, and of the learner, which takes its place. */}}
{{- define "millrace.selector" -}}
app.kubernetes.io/name: {{ include "millrace.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: server
{{- end }}

{{/* Of all servers, where matchExpressions are understood. */}}
{{- define "millrace.servers" -}}
matchLabels:
  app.kubernetes.io/name: {{ include "millrace.name" . }}
  app.kubernetes.io/instance: {{ .Release.Name }}
matchExpressions:
  - { key: app.kubernetes.io/component, operator: In, values: [server, follower] }
{{- end }}

{{- define "millrace.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ include "millrace.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "millrace.serviceAccountName" -}}
{{- default (ternary (include "millrace.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{- define "millrace.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* "true" or nothing. YAML 1.1 reads a bare `on` or `off` as a boolean; both spellings are understood. */}}
{{- define "millrace.learns" -}}
{{- if has (toString .Values.config.learning.mode) (list "on" "true") }}true{{ end }}
{{- end }}

{{- define "millrace.hasKeys" -}}
{{- if or .Values.auth.existingSecret (dig "auth" "keys" list .Values.config) }}true{{ end }}
{{- end }}

{{/* More than one pod of `replicas`, now or when an autoscaler wants it. */}}
{{- define "millrace.hasMany" -}}
{{- if or (gt (int .Values.replicas) 1) .Values.autoscaling.enabled .Values.keda.enabled }}true{{ end }}
{{- end }}

{{/* Whole cores of the CPU limit or, without one, of the request; 0 when neither is given: Node sees the machine's cores, not the
     pod's. Call with resources. */}}
{{- define "millrace.cores" -}}
{{- $requests := .requests | default dict }}
{{- $limits := .limits | default dict }}
{{- $cpu := toString (coalesce $limits.cpu $requests.cpu "0") }}
{{- $cores := ternary (divf (trimSuffix "m" $cpu) 1000) (float64 $cpu) (hasSuffix "m" $cpu) }}
{{- if gt $cores 0.0 }}{{ max 1 (int $cores) }}{{ else }}0{{ end }}
{{- end }}

{{/* The server's configuration file. */}}
{{- define "millrace.config" -}}
{{- $config := deepCopy .Values.config }}
{{- range $section, $settings := $config }}
{{- range $name, $value := $settings }}
{{- if kindIs "bool" $value }}{{ $_ := set $settings $name (ternary "on" "off" $value) }}{{ end }}
{{- end }}
{{- end }}
{{- $cores := int (include "millrace.cores" .Values.resources) }}
{{- if $cores }}
{{- $threads := dict "engine" (dict "threads" $cores) "learning" (dict "threads" (max 1 (div $cores 4))) }}
{{- range $section := list "engine" "learning" }}
{{- if not (dig $section "threads" 0 $config) }}
{{- $config = mergeOverwrite $config (pick $threads $section) }}
{{- end }}
{{- end }}
{{- end }}
{{- $owned := dict
      "server" (dict "host" .Values.listenAddress "port" 8080)
      "admin" (dict "host" (ternary .Values.listenAddress "127.0.0.1" .Values.admin.expose) "port" 8081)
      "models" (dict "dir" (include "millrace.modelsDir" .))
      "learning" (dict "dir" (include "millrace.learningDir" .)) }}
{{- if include "millrace.hasRedis" . }}
{{- $_ := set $owned "cluster" (include "millrace.clusterConfig" . | fromYaml) }}
{{- end }}
{{- mergeOverwrite $config $owned | toYaml }}
{{- end }}

{{- define "millrace.modelsDir" -}}/var/lib/millrace/models{{- end }}
{{- define "millrace.learningDir" -}}/var/lib/millrace/state{{- end }}

{{/* From the first word to the pod until it is killed, in seconds. */}}
{{- define "millrace.grace" -}}
{{- $needed := add .Values.drain.preStopSeconds (include "millrace.drainSeconds" .) }}
{{- .Values.drain.graceSeconds | int | default (add $needed 5) }}
{{- end }}

{{- define "millrace.drainSeconds" -}}
{{- divf .Values.config.server.drainMs 1000 | ceil | int }}
{{- end }}

{{/* Names of what Prometheus adds to the series of this release. */}}
{{- define "millrace.series" -}}
namespace="{{ .Release.Namespace }}",service="{{ include "millrace.fullname" . }}"
{{- end }}

{{/* For import.sh: a list of "name=checkpoint". */}}
{{- define "millrace.imports" -}}
{{- with .Values.config.models }}
{{- if ne .default "null" }}
- {{ printf "%s=%s" .default ($.Values.import.checkpoint | default .default) | quote }}
{{- end }}
{{- with .embeddings }}
- {{ printf "%s=%s" . . | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* Call with (list root whether-models-are-read-only). */}}
{{- define "millrace.mounts" -}}
{{- $isReadOnly := index . 1 }}
{{- with index . 0 }}
- { name: config, mountPath: /etc/millrace, readOnly: true }
- { name: tmp, mountPath: /tmp }
- { name: models, mountPath: {{ include "millrace.modelsDir" . }}, readOnly: {{ $isReadOnly }} }
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "millrace.env" -}}
- { name: MILLRACE_CONFIG, value: /etc/millrace/millrace.yaml }
{{- /* ONNX Runtime would report its use to its maker. */}}
- { name: ORT_DISABLE_TELEMETRY, value: "1" }
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A volume with one entry of a Secret, as the file "key". Call with (list name reference). */}}
{{- define "millrace.keyVolume" -}}
{{- $reference := index . 1 }}
- name: {{ index . 0 }}
  secret:
    secretName: {{ $reference.existingSecret }}
    defaultMode: 0440
    items: [{ key: {{ $reference.entry }}, path: key }]
{{- end }}

{{/* The spec of a claim for one of .Values.storage. */}}
{{- define "millrace.claim" -}}
accessModes: [{{ .accessMode }}]
{{- with .storageClass }}
storageClassName: {{ . }}
{{- end }}
resources: { requests: { storage: {{ .size }} } }
{{- end }}

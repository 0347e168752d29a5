{{/* Names and labels, as helm create makes them. */}}
{{- define "cupola.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "cupola.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{/* These never change: a StatefulSet's selector cannot. */}}
{{- define "cupola.selectorLabels" -}}
app.kubernetes.io/name: {{ include "cupola.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "cupola.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "cupola.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: {{ .Values.role }}
app.kubernetes.io/part-of: cupola
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "cupola.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "cupola.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "cupola.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* The Secret with objstore.yml, "" if there is no bucket. */}}
{{- define "cupola.objstoreSecret" -}}
{{- if .Values.objstore.existingSecret }}
{{- .Values.objstore.existingSecret }}
{{- else if .Values.objstore.config }}
{{- printf "%s-objstore" (include "cupola.fullname" .) }}
{{- end }}
{{- end }}

{{- define "cupola.limitsConfigMap" -}}
{{- if .Values.limits.existingConfigMap }}
{{- .Values.limits.existingConfigMap }}
{{- else if .Values.limits.content }}
{{- printf "%s-limits" (include "cupola.fullname" .) }}
{{- end }}
{{- end }}

{{- define "cupola.rulesConfigMap" -}}
{{- if .Values.rules.existingConfigMap }}
{{- .Values.rules.existingConfigMap }}
{{- else if .Values.rules.groups }}
{{- printf "%s-rules" (include "cupola.fullname" .) }}
{{- end }}
{{- end }}

{{/* Whether pods keep their names and volumes. */}}
{{- define "cupola.isStateful" -}}
{{- if eq .Values.role "all" }}true{{- end }}
{{- end }}

{{/* One data source of Grafana. Rules belong to one tenant: over several none can be edited. */}}
{{- define "cupola.datasource" -}}
- name: Cupola {{ .name }}
  uid: {{ include "cupola.fullname" .root }}-{{ .name }}
  type: prometheus
  access: proxy
  url: http{{ if eq .root.Values.probes.scheme "HTTPS" }}s{{ end }}://{{ include "cupola.fullname" .root }}.{{ .root.Release.Namespace }}:{{ .root.Values.service.port }}
  jsonData:
    httpMethod: POST
    prometheusType: Mimir
    timeInterval: {{ .root.Values.metrics.serviceMonitor.interval }}
    manageAlerts: {{ not (contains "|" .tenant) }}
    httpHeaderName1: X-Scope-OrgID
    exemplarTraceIdDestinations:
      - name: trace_id
        datasourceUid: traces
  secureJsonData:
    httpHeaderValue1: {{ .tenant | quote }}
{{- end }}

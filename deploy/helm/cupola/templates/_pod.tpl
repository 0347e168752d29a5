{{/* The pod, which a StatefulSet and a Deployment have in common. */}}
{{- define "cupola.pod" -}}
metadata:
  annotations:
    checksum/config: {{ toYaml .Values.config | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  labels:
    {{- include "cupola.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "cupola.serviceAccountName" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    {{- if .Values.adaptSecurityContext }}
    {{- omit .Values.podSecurityContext "runAsUser" "runAsGroup" "fsGroup" | toYaml | nindent 4 }}
    {{- else }}
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
    {{- end }}
  {{- with .Values.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: cupola
      image: {{ include "cupola.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        {{- include "cupola.args" . | nindent 8 }}
      ports:
        - name: http
          containerPort: 9009
      {{- with .Values.extraEnv }}
      env:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      # Alive is not ready: replaying the log takes minutes, and must not be cut off.
      livenessProbe:
        httpGet: {path: /-/healthy, port: http, scheme: {{ .Values.probes.scheme }}}
        {{- toYaml .Values.probes.liveness | nindent 8 }}
      readinessProbe:
        httpGet: {path: /-/ready, port: http, scheme: {{ .Values.probes.scheme }}}
        {{- toYaml .Values.probes.readiness | nindent 8 }}
      # Endpoints are withdrawn before the socket closes.
      lifecycle:
        preStop:
          exec:
            command: [sleep, {{ .Values.preStopSleepSeconds | quote }}]
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        {{- include "cupola.mounts" . | nindent 8 }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "cupola.volumes" . | nindent 4 }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml .Values.topologySpreadConstraints | nindent 4 }}
  {{- else if not (include "cupola.isStateful" .) }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "cupola.selectorLabels" . | nindent 10 }}
  {{- end }}
{{- end }}

{{- define "cupola.args" -}}
- serve
- --config=/etc/cupola/config/cupola.yml
- --web.listen-address=0.0.0.0:9009
- --storage.path=/data
- --role={{ .Values.role }}
{{- if include "cupola.limitsConfigMap" . }}
- --limits.file=/etc/cupola/limits/limits.yml
{{- end }}
{{- if .Values.auth.existingSecret }}
- --auth.file=/etc/cupola/auth/auth.yml
{{- end }}
{{- if .Values.webConfig.existingSecret }}
- --web.config.file=/etc/cupola/web/web.yml
{{- end }}
{{- if include "cupola.rulesConfigMap" . }}
- --rules.files=/etc/cupola/rules/*.yml
{{- with .Values.rules.tenant }}
- --rules.tenant={{ . }}
{{- end }}
{{- end }}
{{- if include "cupola.objstoreSecret" . }}
- --objstore.config-file=/etc/cupola/objstore/{{ .Values.objstore.secretKey }}
{{- with .Values.objstore.localSize }}
- --objstore.local-size={{ . }}
{{- end }}
{{- end }}
{{- if .Values.kernelCache.enabled }}
- --kernels.for-this-processor=true
{{- end }}
{{- range .Values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}

{{- define "cupola.mounts" -}}
- {name: data, mountPath: /data}
- {name: tmp, mountPath: /tmp}
- {name: config, mountPath: /etc/cupola/config, readOnly: true}
{{- if .Values.kernelCache.enabled }}
- {name: kernels, mountPath: /cache}
{{- end }}
{{- if include "cupola.limitsConfigMap" . }}
- {name: limits, mountPath: /etc/cupola/limits, readOnly: true}
{{- end }}
{{- if .Values.auth.existingSecret }}
- {name: auth, mountPath: /etc/cupola/auth, readOnly: true}
{{- end }}
{{- if .Values.webConfig.existingSecret }}
- {name: web, mountPath: /etc/cupola/web, readOnly: true}
{{- end }}
{{- if .Values.webConfig.tlsSecret }}
- {name: tls, mountPath: /etc/cupola/tls, readOnly: true}
{{- end }}
{{- if include "cupola.rulesConfigMap" . }}
- {name: rules, mountPath: /etc/cupola/rules, readOnly: true}
{{- end }}
{{- if include "cupola.objstoreSecret" . }}
- {name: objstore, mountPath: /etc/cupola/objstore, readOnly: true}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "cupola.volumes" -}}
- name: tmp
  emptyDir: {}
- name: config
  configMap:
    name: {{ include "cupola.fullname" . }}
{{- if .Values.kernelCache.enabled }}
- name: kernels
  emptyDir:
    sizeLimit: {{ .Values.kernelCache.sizeLimit }}
{{- end }}
{{- with include "cupola.limitsConfigMap" . }}
- name: limits
  configMap:
    name: {{ . }}
{{- end }}
{{- with .Values.auth.existingSecret }}
- name: auth
  secret:
    secretName: {{ . }}
{{- end }}
{{- with .Values.webConfig.existingSecret }}
- name: web
  secret:
    secretName: {{ . }}
{{- end }}
{{- with .Values.webConfig.tlsSecret }}
- name: tls
  secret:
    secretName: {{ . }}
{{- end }}
{{- with include "cupola.rulesConfigMap" . }}
- name: rules
  configMap:
    name: {{ . }}
{{- end }}
{{- with include "cupola.objstoreSecret" . }}
- name: objstore
  secret:
    secretName: {{ . }}
{{- end }}
{{- if .Values.persistence.existingClaim }}
- name: data
  persistentVolumeClaim:
    claimName: {{ .Values.persistence.existingClaim }}
{{- else if not (and (include "cupola.isStateful" .) .Values.persistence.enabled) }}
- name: data
  emptyDir: {}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

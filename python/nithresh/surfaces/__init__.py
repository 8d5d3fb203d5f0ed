"""Maps of surfaces: GIFTI, CIFTI-2, FreeSurfer's overlays, nilearn's SurfaceImage."""

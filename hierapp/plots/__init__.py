"""Every drawing: data in, a Plotly figure or SVG out."""

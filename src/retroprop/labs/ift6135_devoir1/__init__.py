"""IFT6135, devoir 1 (Université de Montréal): MLP, ResNet-18 and MLP-Mixer on CIFAR-10.

`mlp`, `resnet18`, `mlpmixer`, `utils`, `config` and `main` have the names of the
assignment's files.
"""
